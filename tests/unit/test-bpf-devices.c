/* The device program, run by a small interpreter over every request that matters, against the rule list read plainly; and the v1
 * controller's normal form, which must give the same answers or refuse. */
#include "linux/bpf-devices.h"

#include "linux/cgroup-internal.h"
#include "unit/test.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <unistd.h>

struct request {
	char type;
	uint32_t major, minor;
	uint8_t access; /* 1 read 2 write 4 mknod */
};

/* As the header defines it: each bit is decided by the last rule that names it. */
static bool plain(const struct cg_device *rules, size_t count, const struct request *q)
{
	for (unsigned bit = 1; bit <= 4; bit <<= 1) {
		bool allow = true;

		for (size_t i = 0; i < count && (q->access & bit); i++) {
			const struct cg_device *r = &rules[i];

			if ((r->access & bit) && (r->type == 'a' || r->type == q->type) && (r->major < 0 || r->major == q->major) &&
			    (r->minor < 0 || r->minor == q->minor))
				allow = r->allow;
		}
		if (!allow)
			return false;
	}
	return true;
}

/* The handful of instructions the generator uses; anything else, or running off the end, is a failure. */
static bool interpret(const struct bpf_insn *code, size_t count, const struct request *q)
{
	struct bpf_cgroup_dev_ctx ctx = {
		.access_type = (uint32_t)(((q->access & 4 ? BPF_DEVCG_ACC_MKNOD : 0) | (q->access & 1 ? BPF_DEVCG_ACC_READ : 0) |
				       (q->access & 2 ? BPF_DEVCG_ACC_WRITE : 0))
					  << 16 |
				      (q->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR)),
		.major = q->major,
		.minor = q->minor,
	};
	uint64_t r[11] = {0};
	bool known[11] = {[1] = true};

	for (size_t pc = 0; pc < count; pc++) {
		const struct bpf_insn *i = &code[pc];
		uint32_t dst = (uint32_t)r[i->dst_reg], imm = (uint32_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_true(i->src_reg == 1 && i->off >= 0 && (size_t)i->off + 4 <= sizeof(ctx));
			memcpy(&imm, (const char *)&ctx + i->off, 4);
			r[i->dst_reg] = imm;
			known[i->dst_reg] = true;
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			assert_true(known[i->src_reg]);
			r[i->dst_reg] = (uint32_t)r[i->src_reg];
			known[i->dst_reg] = true;
			break;
		case BPF_ALU | BPF_OR | BPF_X:
			assert_true(known[i->src_reg] && known[i->dst_reg]);
			r[i->dst_reg] = dst | (uint32_t)r[i->src_reg];
			break;
		case BPF_ALU | BPF_LSH | BPF_K:
			assert_true(known[i->dst_reg]);
			r[i->dst_reg] = dst << imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = imm;
			known[i->dst_reg] = true;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			assert_true(known[i->dst_reg]);
			r[i->dst_reg] = dst & imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			assert_true(known[i->dst_reg]);
			r[i->dst_reg] = dst >> imm;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			assert_true(known[i->dst_reg] && i->off >= 0);
			if ((dst == imm) == (i->code == (BPF_JMP32 | BPF_JEQ | BPF_K)))
				pc += (size_t)i->off;
			break;
		case BPF_JMP | BPF_EXIT:
			assert_true(known[0]);
			return r[0] == 1;
		default:
			fail_msg("instruction %#x", i->code);
		}
	}
	fail_msg("ran off the end");
	return false;
}

static const struct {
	const char *name;
	size_t count;
	struct cg_device rules[6];
} lists[] = {
	{"nothing", 0, {{0}}},
	{"deny all", 1, {{false, 'a', -1, -1, 7}}},
	{"usual",
     6,
     {{false, 'a', -1, -1, 7},
      {true, 'c', -1, -1, 4},
      {true, 'b', -1, -1, 4},
      {true, 'c', 1, 3, 7},
      {true, 'c', 136, -1, 7},
      {true, 'c', 5, 2, 3}}},
	{"allow then deny one", 2, {{true, 'a', -1, -1, 7}, {false, 'b', 8, 0, 7}}},
	{"no default, deny write", 1, {{false, 'c', 1, 5, 2}}},
	{"later wins", 4, {{false, 'a', -1, -1, 7}, {true, 'c', 1, 5, 7}, {false, 'c', 1, 5, 2}, {true, 'c', 1, 3, 1}}},
	{"hole in a wildcard", 3, {{false, 'a', -1, -1, 7}, {true, 'c', 1, -1, 7}, {false, 'c', 1, 5, 3}}},
	{"wildcard takes back", 3, {{false, 'a', -1, -1, 7}, {true, 'c', 1, 5, 7}, {false, 'c', 1, -1, 7}}},
	{"default in the middle", 3, {{true, 'c', 1, 3, 7}, {false, 'a', -1, -1, 7}, {true, 'c', 1, 5, 1}}},
	{"part of everything", 2, {{false, 'a', -1, -1, 4}, {true, 'c', 1, 3, 4}}},
	{"any type", 3, {{false, 'a', -1, -1, 7}, {true, 'a', 8, -1, 7}, {true, 'a', 1, 3, 3}}},
	{"empty mask", 2, {{false, 'a', -1, -1, 7}, {true, 'c', 1, 3, 0}}},
	{"big numbers",
     4,
     {{false, 'a', -1, -1, 7}, {true, 'b', UINT32_MAX, 1048575, 7}, {true, 'b', 4095, 1048575, 7}, {true, 'c', -1, UINT32_MAX, 7}}},
	{"minor of any major", 2, {{false, 'a', -1, -1, 7}, {true, 'c', -1, 3, 7}}},
};

static size_t all_requests(struct request out[512])
{
	static const uint32_t majors[] = {0, 1, 5, 8, 136, 4095}, minors[] = {0, 2, 3, 5, 1048575};
	size_t n = 0;

	for (size_t a = 0; a < ARRAY_LEN(majors); a++)
		for (size_t b = 0; b < ARRAY_LEN(minors); b++)
			for (uint8_t access = 1; access <= 7; access++)
				for (const char *type = "bc"; *type; type++)
					out[n++] = (struct request){*type, majors[a], minors[b], access};
	return n;
}

static void program_says_what_the_list_says(void **state)
{
	struct request requests[512];
	size_t n = all_requests(requests);

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct bpf_insn code[BPF_DEVICES_INSNS(6)];
		int len = bpf_devices_compile(lists[l].rules, lists[l].count, code, ARRAY_LEN(code));

		assert_true(len > 0 && (size_t)len <= BPF_DEVICES_INSNS(lists[l].count));
		for (size_t q = 0; q < n; q++)
			if (interpret(code, (size_t)len, &requests[q]) != plain(lists[l].rules, lists[l].count, &requests[q]))
				fail_msg("%s: %c %u:%u %u", lists[l].name, requests[q].type, requests[q].major, requests[q].minor,
					 requests[q].access);
	}
}

/* The v1 controller: a request passes when the default and the exceptions say so for each bit. */
static bool by_set(const struct cg_device_set *set, const struct request *q)
{
	for (unsigned bit = 1; bit <= 4; bit <<= 1) {
		bool allow = set->allow;

		for (size_t i = 0; i < set->count; i++) {
			const struct cg_device *e = &set->exceptions[i];

			if ((e->access & bit) && e->type == q->type && (e->major < 0 || e->major == q->major) &&
				(e->minor < 0 || e->minor == q->minor))
				allow = !set->allow;
		}
		if ((q->access & bit) && !allow)
			return false;
	}
	return true;
}

static void v1_form_says_the_same_or_refuses(void **state)
{
	struct request requests[512];
	size_t n = all_requests(requests), refused = 0;

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct cg_device room[13];
		struct cg_device_set set = {.exceptions = room};
		int r = cg_devices_reduce(lists[l].rules, lists[l].count, &set);

		refused += r == -EOPNOTSUPP;
		if (r == -EOPNOTSUPP && strcmp(lists[l].name, "hole in a wildcard") != 0 &&
			strcmp(lists[l].name, "part of everything") != 0)
			fail_msg("%s refused", lists[l].name);
		for (size_t q = 0; q < n && r == 0; q++)
			if (by_set(&set, &requests[q]) != plain(lists[l].rules, lists[l].count, &requests[q]))
				fail_msg("%s: %c %u:%u %u", lists[l].name, requests[q].type, requests[q].major, requests[q].minor,
					 requests[q].access);
	}
	assert_int_equal(refused, 2);
}

static void bad_rules(void **state)
{
	static const struct cg_device bad[] = {{true, 'x', 1, 3, 7}, {true, 'c', -2, 3, 7}, {true, 'c', 1, (int64_t)UINT32_MAX + 1, 7}};
	struct bpf_insn code[BPF_DEVICES_INSNS(1)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(bpf_devices_compile(&bad[i], 1, code, ARRAY_LEN(code)), -EINVAL);
}

/* The kernel's verifier agrees (root). */
static void kernel_takes_it(void **state)
{
	int root = fd_open(AT_FDCWD, "/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY, 0);

	if (root < 0)
		root = fd_open(AT_FDCWD, "/sys/fs/cgroup", O_RDONLY | O_DIRECTORY, 0);
	if (geteuid() != 0 || root < 0 || !bpf_devices_available(root))
		skip();
	fd_close(&root);
	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		struct bpf_insn code[BPF_DEVICES_INSNS(6)];
		int len = bpf_devices_compile(lists[l].rules, lists[l].count, code, ARRAY_LEN(code)), fd;

		assert_true(len > 0);
		fd = bpf_devices_load(code, (size_t)len);
		assert_true(fd >= 0);
		fd_close(&fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_says_what_the_list_says),
		cmocka_unit_test(v1_form_says_the_same_or_refuses),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(kernel_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
