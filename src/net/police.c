/* police.c - one 64-bit number says when the traffic so far would have been through at the allowed rate. A packet that comes before that time is dropped; any other moves it on by
 * what it costs. It never lags more than a burst behind the clock. */
#include "net/police.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_NAME "coppice_rate"
#define NS 1000000000ull

static int call(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOVE(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVE_NUMBER(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two slots each. */
#define WIDE(d, n) INSN(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, (int32_t)(uint32_t)(n)), INSN(0, 0, 0, 0, (int32_t)(uint32_t)((n) >> 32))
#define MAP(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

static uint64_t pointer(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int police_program(uint64_t bytes, uint32_t burst)
{
	union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	autoclose int clock = call(BPF_MAP_CREATE, &map);
	uint64_t slack = burst * NS / bytes, cost;
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_SCHED_CLS};
	int32_t shift = 20;

	if (clock < 0)
		return clock;
	/* nanoseconds a byte, with as many binary places as leave room for a packet of 2^20 bytes */
	while ((cost = (NS << shift) / bytes) >> 40)
		shift--;

	const struct bpf_insn program[] = {
		MOVE(6, 1),                                    /*  0: the packet */
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		MOVE(2, 10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		MAP(1, clock),                                 /*  4, 5 */
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 17, 0),  /*  7: cannot be; to 25 */
		MOVE(7, 0),
		CALL(BPF_FUNC_ktime_get_ns),
		MOVE(8, 0),                                    /* 10: now */
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 9, 7, 0, 0),  /* 11: the time when all is through */
		WIDE(2, slack),                                /* 12, 13 */
		INSN(BPF_ALU64 | BPF_SUB | BPF_X, 0, 2, 0, 0), /* 14: a burst before now */
		INSN(BPF_JMP | BPF_JSGE | BPF_X, 9, 0, 1, 0),
		MOVE(9, 0),
		INSN(BPF_JMP | BPF_JSGT | BPF_X, 9, 8, 9, 0),  /* 17: too early; to 27 */
		INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 6, 0, 0),   /* 18: its length is the packet's first field */
		WIDE(2, cost),                                 /* 19, 20 */
		INSN(BPF_ALU64 | BPF_MUL | BPF_X, 1, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, 1, 0, 0, shift),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 9, 1, 0, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 7, 9, 0, 0),
		MOVE_NUMBER(0, TC_ACT_UNSPEC),                 /* 25: pass */
		EXIT,
		MOVE_NUMBER(0, TC_ACT_SHOT),                   /* 27: drop */
		EXIT,
	};

	load.insns = pointer(program);
	load.insn_cnt = ARRAY_LEN(program);
	load.license = pointer("LGPL-2.1-or-later"); /* neither helper asks for another */
	memcpy(load.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	return call(BPF_PROG_LOAD, &load); /* close-on-exec since ever; the program keeps its map */
}
