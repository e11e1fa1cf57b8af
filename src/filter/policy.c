/* policy.c - reads LXC's policy text, both versions, line by line. */
#include "filter/policy.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

struct reader {
	const char *at, *end;
	char line[LINE_MAX_BYTES + 1];
	uint32_t number;
	const char *arch;
	struct policy *p;
	struct err *e;
};

/* As LXC and libseccomp name them; those of other machines are skipped. */
static const char *const archs[] = {"x86", "x32", "x86_64", "arm", "arm64", "ppc", "ppc64", "ppc64le", "mips", "mips64", "mips64n32", "mipsel", "mipsel64", "mipsel64n32",
				    "s390", "s390x", "riscv64", "loongarch64"};

static int bad(struct reader *r, const char *what, const char *word)
{
	char safe[80];

	format_safe(word, safe, sizeof(safe));
	return err_set(r->e, ERR_INPUT, EINVAL, "%u: %s '%s'", r->number, what, safe);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The next line without blanks around it, ended. 1, or 0 at the end. */
static int next_line(struct reader *r)
{
	const char *nl, *from = r->at;
	size_t len;

	if (r->at >= r->end)
		return 0;
	nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
	r->at = nl ? nl + 1 : r->end;
	r->number++;
	len = (size_t)((nl ? nl : r->end) - from);
	while (len && is_blank(*from)) {
		from++;
		len--;
	}
	while (len && is_blank(from[len - 1]))
		len--;
	if (memchr(from, 0, len))
		return err_set(r->e, ERR_INPUT, EINVAL, "%u: a NUL byte", r->number);
	if (len > LINE_MAX_BYTES)
		return err_set(r->e, ERR_INPUT, E2BIG, "%u: a line of more than %d bytes", r->number, LINE_MAX_BYTES);
	memcpy(r->line, from, len);
	r->line[len] = '\0';
	return 1;
}

/* The same, of lines that say something. */
static int next_saying(struct reader *r)
{
	int n;

	do
		n = next_line(r);
	while (n == 1 && (r->line[0] == '\0' || r->line[0] == '#'));
	return n;
}

static char *skip_blanks(char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* Cuts the word at *@at off; "" when there is none. */
static char *cut_word(char **at)
{
	char *word = skip_blanks(*at), *p = word;

	while (*p && !is_blank(*p))
		p++;
	if (*p)
		*p++ = '\0';
	*at = skip_blanks(p);
	return word;
}

/* "errno 1", "kill": 1 when @at named one, 0 when there is none. */
static int parse_action(struct reader *r, char **at, struct policy_action *ret)
{
	static const struct {
		const char *word;
		enum policy_act act;
	} words[] = {{"kill", POLICY_KILL}, {"trap", POLICY_TRAP}, {"log", POLICY_LOG}, {"allow", POLICY_ALLOW}, {"notify", POLICY_NOTIFY}, {"errno", POLICY_ERRNO}};
	char *word = cut_word(at), *number;
	uint32_t error = 0;

	if (*word == '\0' || *word == '#') {
		**at = '\0';
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		*ret = (struct policy_action){.act = words[i].act};
		if (ret->act != POLICY_ERRNO)
			return 1;
		number = cut_word(at);
		if (parse_u32(number, &error) < 0 || error > 4095)
			return bad(r, "not an error number (0 to 4095):", number);
		ret->error = (uint16_t)error;
		return 1;
	}
	return bad(r, "unknown action", word);
}

/* "0x10", "16", "-1" as scanf's %lli takes them. */
static int parse_value(char *text, uint64_t *ret)
{
	char *p = skip_blanks(text);
	bool negative = *p == '-';
	uint64_t n = 0;
	size_t len;
	int r;

	p += negative;
	len = strlen(p);
	while (len && is_blank(p[len - 1]))
		p[--len] = '\0';
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		r = parse_u64_base(p + 2, 16, &n);
	else
		r = parse_u64_base(p, p[0] == '0' && p[1] ? 8 : 10, &n);
	if (r == 0)
		*ret = negative ? 0 - n : n;
	return r;
}

static int parse_op(struct reader *r, const char *word, enum policy_op *ret)
{
	static const struct {
		const char *name, *sign;
		enum policy_op op;
	} ops[] = {{"SCMP_CMP_NE", "!=", POLICY_NE}, {"SCMP_CMP_LT", "<", POLICY_LT},  {"SCMP_CMP_LE", "<=", POLICY_LE},
		   {"SCMP_CMP_EQ", "==", POLICY_EQ}, {"SCMP_CMP_GE", ">=", POLICY_GE}, {"SCMP_CMP_GT", ">", POLICY_GT},
		   {"SCMP_CMP_MASKED_EQ", "&=", POLICY_MASKED_EQ}};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (strcmp(word, ops[i].name) == 0 || strcmp(word, ops[i].sign) == 0) {
			*ret = ops[i].op;
			return 0;
		}
	}
	return bad(r, "unknown comparison", word);
}

/* "INDEX,VALUE,OP[,MASK]" */
static int parse_arg(struct reader *r, char *text, struct policy_arg *ret)
{
	char *part[4] = {NULL}, *save = NULL, *op;
	uint64_t index = 0;
	size_t n = 0, len;

	for (char *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (n == ARRAY_LEN(part))
			return bad(r, "more than four parts in", text);
		part[n++] = p;
	}
	if (n < 3)
		return bad(r, "not INDEX,VALUE,OP[,MASK]:", text);
	if (parse_value(part[0], &index) < 0 || index >= POLICY_ARGS)
		return bad(r, "not the number of an argument (0 to 5):", part[0]);
	if (parse_value(part[1], &ret->value) < 0)
		return bad(r, "not a number:", part[1]);
	if (part[3] && parse_value(part[3], &ret->mask) < 0)
		return bad(r, "not a number:", part[3]);
	op = skip_blanks(part[2]);
	for (len = strlen(op); len && is_blank(op[len - 1]); len--)
		op[len - 1] = '\0';
	ret->index = (uint32_t)index;
	return parse_op(r, op, &ret->op);
}

/* The "[...]"s at the end of a rule. */
static int parse_args(struct reader *r, char *at, struct policy_rule *rule)
{
	while (*at == '[') {
		char *close = strchr(at, ']');
		int n;

		if (!close)
			return bad(r, "no ']' behind", at);
		if (rule->arg_count == POLICY_ARGS)
			return bad(r, "more than six comparisons:", at);
		*close = '\0';
		n = parse_arg(r, at + 1, &rule->args[rule->arg_count++]);
		if (n < 0)
			return n;
		at = skip_blanks(close + 1);
	}
	return *at && *at != '#' ? bad(r, "what is", at) : 0;
}

static int add_rule(struct reader *r, const struct policy_rule *rule)
{
	struct policy_rule *slot;

	if (r->p->rule_count >= POLICY_RULES_MAX)
		return err_set(r->e, ERR_INPUT, E2BIG, "%u: more than %d rules", r->number, POLICY_RULES_MAX);
	slot = arena_push(&r->p->arena, &r->p->rules, &r->p->rule_count, sizeof(*slot));
	if (!slot)
		return err_set(r->e, ERR_SYSTEM, ENOMEM, "out of memory");
	*slot = *rule;
	return 0;
}

static bool is_name(const char *word)
{
	for (const char *p = word; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_'))
			return false;
	return *word != '\0';
}

static int parse_rule(struct reader *r)
{
	struct policy_rule rule = {.line = r->number, .arch = r->arch, .action = {.act = r->p->allowlist ? POLICY_ALLOW : POLICY_KILL}};
	char *at = r->line, *word = cut_word(&at);
	int n;

	if (!is_name(word))
		return bad(r, "not the name of a system call:", word);
	rule.name = arena_strdup(&r->p->arena, word);
	if (!rule.name)
		return err_set(r->e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (*at && *at != '[') {
		n = parse_action(r, &at, &rule.action);
		if (n < 0)
			return n;
	}
	n = parse_args(r, at, &rule);
	return n < 0 ? n : add_rule(r, &rule);
}

/* "[x86_64]" */
static int parse_arch(struct reader *r)
{
	char *close = strchr(r->line, ']');
	const char *name = r->line + 1;

	if (!close || (*skip_blanks(close + 1) && *skip_blanks(close + 1) != '#'))
		return bad(r, "not an architecture in brackets:", r->line);
	*close = '\0';
	r->arch = NULL;
	if (strcasecmp(name, POLICY_ALL_ARCHS) == 0)
		r->arch = POLICY_ALL_ARCHS;
	for (size_t i = 0; i < ARRAY_LEN(archs) && !r->arch; i++)
		if (strcasecmp(name, archs[i]) == 0)
			r->arch = archs[i];
	return r->arch ? 0 : bad(r, "unknown architecture", name);
}

static int parse_numbers(struct reader *r)
{
	int n;

	while ((n = next_saying(r)) == 1) {
		struct policy_rule rule = {.line = r->number, .arch = "native", .action = {.act = POLICY_ALLOW}};
		char *at = r->line, *word = cut_word(&at);

		if (parse_u32(word, &rule.number) < 0 || rule.number > 0x7fffffff)
			return bad(r, "not the number of a system call:", word);
		n = add_rule(r, &rule);
		if (n < 0)
			return n;
	}
	return n;
}

static int parse_rules(struct reader *r)
{
	int n;

	while ((n = next_saying(r)) == 1) {
		n = r->line[0] == '[' ? parse_arch(r) : parse_rule(r);
		if (n < 0)
			return n;
	}
	return n;
}

/* "denylist errno 38" */
static int parse_style(struct reader *r, bool may_deny)
{
	char *at = r->line, *word = cut_word(&at);
	int n;

	r->p->allowlist = strcmp(word, "allowlist") == 0 || strcmp(word, "whitelist") == 0;
	if (!r->p->allowlist && !(may_deny && (strcmp(word, "denylist") == 0 || strcmp(word, "blacklist") == 0)))
		return bad(r, may_deny ? "neither allowlist nor denylist:" : "version 1 has allowlists only, not", word);
	r->p->otherwise.act = r->p->allowlist ? POLICY_KILL : POLICY_ALLOW;
	n = may_deny ? parse_action(r, &at, &r->p->otherwise) : 0;
	return n < 0 ? n : 0;
}

int policy_parse(const char *text, size_t len, struct policy *ret, struct err *e)
{
	struct policy p = {0};
	struct reader r = {.at = text, .end = text + len, .arch = "native", .p = &p, .e = e};
	uint32_t version = 0;
	int n = next_saying(&r);

	if (n == 0)
		n = err_set(e, ERR_INPUT, EINVAL, "1: nothing: the first line says the version, 1 or 2");
	if (n == 1)
		n = parse_u32(r.line, &version) < 0 || version < 1 || version > 2 ? bad(&r, "not a version of the format (1 or 2):", r.line) : next_saying(&r);
	if (n == 0)
		n = err_set(e, ERR_INPUT, EINVAL, "%u: ends before it says allowlist or denylist", r.number);
	if (n == 1)
		n = parse_style(&r, version == 2);
	if (n == 0)
		n = version == 1 ? parse_numbers(&r) : parse_rules(&r);
	if (n < 0) {
		policy_done(&p);
		return n;
	}
	*ret = p;
	return 0;
}

void policy_done(struct policy *p)
{
	arena_done(&p->arena);
	p->rules = NULL;
	p->rule_count = 0;
}
