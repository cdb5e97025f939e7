// SPDX-License-Identifier: GPL-2.0
/* Registers of a thread that is caught while it computes. */
#define _GNU_SOURCE
#include <asm/hwcap2.h>
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(regs);

#if defined(__x86_64__)

/* In a file, so that the test can say go on without a system call here. */
static volatile uint32_t *flag asm("flag") __attribute__((used));

static void make_flag(void)
{
	int fd = open("flag", O_RDWR | O_CREAT, 0666);

	CR_EQ(0, ftruncate(fd, 4096));
	flag = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CR_CHECK(flag != MAP_FAILED);
	close(fd);
}

/* rax to r14 without rsp, r15, rflags, rsp; the assembler knows these names */
static uint64_t before[17] asm("before") __attribute__((used));
static uint64_t after[17] asm("after") __attribute__((used));
static uint64_t saved_sp asm("saved_sp") __attribute__((used));

static void __attribute__((noinline, naked)) spin_general(void)
{
	asm volatile(
		"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
		"mov %rsp, saved_sp(%rip)\n"
		"mov flag(%rip), %r15\n"
		"mov %r15, before+112(%rip)\n"
		"pushq before+120(%rip); popfq\n"
		"mov before+0(%rip), %rax;  mov before+8(%rip), %rbx\n"
		"mov before+16(%rip), %rcx; mov before+24(%rip), %rdx\n"
		"mov before+32(%rip), %rsi; mov before+40(%rip), %rdi\n"
		"mov before+48(%rip), %rbp; mov before+56(%rip), %r8\n"
		"mov before+64(%rip), %r9;  mov before+72(%rip), %r10\n"
		"mov before+80(%rip), %r11; mov before+88(%rip), %r12\n"
		"mov before+96(%rip), %r13; mov before+104(%rip), %r14\n"
		"movl $1, (%r15)\n"
		/* loops without touching the flags: jrcxz tests rcx only */
		"1: mov 4(%r15), %ecx\n"
		"jrcxz 1b\n"
		"mov %rax, after+0(%rip);  mov %rbx, after+8(%rip)\n"
		"mov %rcx, after+16(%rip); mov %rdx, after+24(%rip)\n"
		"mov %rsi, after+32(%rip); mov %rdi, after+40(%rip)\n"
		"mov %rbp, after+48(%rip); mov %r8, after+56(%rip)\n"
		"mov %r9, after+64(%rip);  mov %r10, after+72(%rip)\n"
		"mov %r11, after+80(%rip); mov %r12, after+88(%rip)\n"
		"mov %r13, after+96(%rip); mov %r14, after+104(%rip)\n"
		"mov %r15, after+112(%rip)\n"
		"pushfq; popq after+120(%rip)\n"
		"mov %rsp, after+128(%rip)\n"
		"mov saved_sp(%rip), %rsp\n"
		"cld\n"
		"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
		"ret\n");
}

static void general(uint64_t flags, uint64_t rax)
{
	int i;

	make_flag();
	for (i = 0; i < 15; i++)
		before[i] = 0x1111111111111111ULL * (i + 1) ^ 0x0f1e2d3c4b5a6978ULL;
	before[0] = rax;
	before[15] = flags;
	spin_general();
	for (i = 0; i < 15; i++)
		if (i != 2 && before[i] != after[i])
			cr_fail("register %d was 0x%llx, is 0x%llx", i,
				(long long)before[i], (long long)after[i]);
	CR_EQ(flags, after[15]);
	CR_EQ(saved_sp, after[16]);
}

/* CF PF AF ZF SF DF OF, IF as ever, and none of these */
CR_PROGRAM(general_set)
{
	general(0xed7, 0x123456789abcdef0);
}

CR_PROGRAM(general_clear)
{
	general(0x202, 0);
}

/* A negative value in rax is no error of a system call here. */
CR_PROGRAM(general_restart)
{
	general(0x202, -512);
}

static void tell(struct cr *cr, uint32_t value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/flag", cr->dir);
	fd = open(path, O_RDWR);
	if (pwrite(fd, &value, 4, 4) != 4)
		perror(path);
	close(fd);
}

static bool spins(struct cr *cr)
{
	uint32_t value = 0;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/flag", cr->dir);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &value, 4, 0) != 4)
		value = 0;
	close(fd);
	return value;
}

static int start_spinning(struct cr *cr, const char *program)
{
	int err = cr_start(cr, program, NULL) ?: cr_wait_for(cr, "flag");

	if (err)
		return err;
	cr_until(spins(cr) || cr_has_event(cr, "populated 0"));
	return spins(cr) ? 0 : cr_wait_exit(cr) ?: -ECHILD;
}

static int spin_trip(struct cr *cr, const char *program)
{
	int err = start_spinning(cr, program) ?: cr_move(cr) ?: cr_move(cr);

	if (err)
		return err;
	tell(cr, 1);
	return cr_wait_exit(cr);
}

TEST_F(regs, general_registers_and_set_flags)
{
	EXPECT_EQ(0, spin_trip(&self->cr, "general_set"));
}

TEST_F(regs, general_registers_and_clear_flags)
{
	EXPECT_EQ(0, spin_trip(&self->cr, "general_clear"));
}

TEST_F(regs, a_restart_code_in_rax_is_only_a_number)
{
	EXPECT_EQ(0, spin_trip(&self->cr, "general_restart"));
}

#define SPIN "movl $1, (%%rax)\n1: pause; cmpl $0, 4(%%rax)\nje 1b\n"

CR_PROGRAM(sse)
{
	static uint8_t in[256] __attribute__((aligned(64))), out[256] __attribute__((aligned(64)));
	uint32_t mxcsr = 0x7f80, seen, usual;

	make_flag();
	cr_fill(in, sizeof(in), 1);
	asm volatile("stmxcsr %0" : "=m"(usual));
#define LOAD(n) "movaps " #n "*16(%%rbx), %%xmm" #n "\n"
#define STORE(n) "movaps %%xmm" #n ", " #n "*16(%%rcx)\n"
#define ALL(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
	asm volatile("ldmxcsr %0\n" ALL(LOAD) SPIN ALL(STORE) "stmxcsr %1\n"
		     : "+m"(mxcsr), "=m"(seen) : "a"(flag), "b"(in), "c"(out) : "memory", "cc",
		     "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	asm volatile("ldmxcsr %0" :: "m"(usual));
	CR_CHECK(!memcmp(in, out, sizeof(in)));
	CR_EQ(mxcsr, seen);
	_exit(0);
}

TEST_F(regs, sse_registers_and_control)
{
	EXPECT_EQ(0, spin_trip(&self->cr, "sse"));
}

CR_PROGRAM(avx)
{
	static uint8_t in[512] __attribute__((aligned(64))), out[512] __attribute__((aligned(64)));

	make_flag();
	cr_fill(in, sizeof(in), 2);
#define VLOAD(n) "vmovaps " #n "*32(%%rbx), %%ymm" #n "\n"
#define VSTORE(n) "vmovaps %%ymm" #n ", " #n "*32(%%rcx)\n"
	asm volatile(ALL(VLOAD) SPIN ALL(VSTORE) "vzeroupper\n"
		     :: "a"(flag), "b"(in), "c"(out) : "memory", "cc",
		     "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	CR_CHECK(!memcmp(in, out, sizeof(in)));
	_exit(0);
}

TEST_F(regs, avx_registers)
{
	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "this CPU has no AVX");
	EXPECT_EQ(0, spin_trip(&self->cr, "avx"));
}

CR_PROGRAM(x87)
{
	static const long double in[8] = { 1.5L, -2.25L, 3e300L, 4e-300L, 5, -6, 7.125L, 8 };
	static struct { uint8_t bytes[28]; uint8_t st[80]; } env __attribute__((aligned(16)));
	uint16_t control = 0x0f7f, seen, usual;
	long double value;
	int i;

	make_flag();
	asm volatile("fnstcw %0" : "=m"(usual));
	asm volatile("fldcw %1\n"
		     "fldt 0(%3); fldt 16(%3); fldt 32(%3); fldt 48(%3)\n"
		     "fldt 64(%3); fldt 80(%3); fldt 96(%3)\n"
		     SPIN
		     "fnstcw %0\nfnsave %4\n"
		     : "=m"(seen) : "m"(control), "a"(flag), "r"(in), "m"(env) : "memory", "cc",
		     "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
	asm volatile("fldcw %0" :: "m"(usual));
	CR_EQ(control, seen);
	for (i = 0; i < 7; i++) {
		value = 0;
		memcpy(&value, env.st + 10 * i, 10);
		CR_CHECK(!memcmp(&value, &in[6 - i], 10));
	}
	_exit(0);
}

TEST_F(regs, x87_stack_and_control)
{
	EXPECT_EQ(0, spin_trip(&self->cr, "x87"));
}

CR_TEST(regs, gs_base)
{
	static uint64_t there = 0x5555aaaa5555aaaa;
	uint64_t base = 0, value;

	CR_EQ(0, syscall(SYS_arch_prctl, ARCH_SET_GS, &there));
	cr_ready();
	CR_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	CR_EQ(&there, base);
	asm volatile("mov %%gs:0, %0" : "=r"(value));
	CR_EQ(there, value);
}

CR_TEST(regs, fs_base)
{
	uint64_t before, after;

	CR_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_FS, &before));
	cr_ready();
	CR_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_FS, &after));
	CR_EQ(before, after);
	CR_EQ(before, __builtin_thread_pointer());
}

CR_TEST(regs, a_thread_that_never_used_the_fpu_can_begin)
{
	volatile double one = 1;

	cr_ready();
	CR_CHECK(one / 3 * 3 == 1);
}

/* ---- Segments that a program can load, and ptrace(2) does not ---- */

/* What is not refused by its name must come back. */
static void move_unless_refused(struct __test_metadata *_metadata, struct cr *cr)
{
	int err = cr_checkpoint(cr);

	if (err) {
		EXPECT_EQ(-EAGAIN, err);
		EXPECT_TRUE(cr_logged(cr, "object=\"registers\""));
		return;
	}
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, cr_restart(cr));
}

static uint64_t selector(const char *segment)
{
	uint64_t ds, es, fs, gs;

	asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
		     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	return *segment == 'd' ? ds : *segment == 'e' ? es : *segment == 'f' ? fs : gs;
}

/* The C library needs the base of fs. */
static void load(const char *segment, uint64_t value)
{
	switch (*segment) {
	case 'd':
		asm volatile("mov %0, %%ds" : : "r"(value));
		break;
	case 'e':
		asm volatile("mov %0, %%es" : : "r"(value));
		break;
	case 'f':
		asm volatile("rdfsbase %%rax; mov %0, %%fs; wrfsbase %%rax"
			     : : "r"(value) : "rax", "memory");
		break;
	case 'g':
		asm volatile("mov %0, %%gs" : : "r"(value));
		break;
	}
}

/* The processor makes 0 of another null selector when it likes. */
CR_PROGRAM(segment)
{
	uint64_t value = strtoul(strchr(arg, ' '), NULL, 0);

	load(arg, value);
	CR_EQ(value, selector(arg));
	cr_ready();
	if (value > 3 || selector(arg))
		CR_EQ(value, selector(arg));
	_exit(0);
}

static void try_segments(struct __test_metadata *_metadata, struct cr *cr,
			 const char *const *segment)
{
	for (; *segment; segment++) {
		TH_LOG("%s", *segment);
		ASSERT_EQ(0, cr_start_ready(cr, "segment", *segment));
		move_unless_refused(_metadata, cr);
		cr_go(cr);
		EXPECT_EQ(0, cr_wait_exit(cr));
	}
}

TEST_F(regs, segments_of_another_privilege_come_back_or_are_refused)
{
	static const char *const segments[] = {
		"ds 0x28", "es 0x28", "gs 0x28", "ds 0x2b", "es 0x2b", "gs 0x2b",
		"ds 1", "es 2", "gs 1", "gs 2", "gs 3", NULL
	};

	try_segments(_metadata, &self->cr, segments);
}

TEST_F(regs, fs_of_another_privilege_comes_back_or_is_refused)
{
	static const char *const segments[] = { "fs 0x28", "fs 0x2b", "fs 1", "fs 3", NULL };

	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
		SKIP(return, "this CPU has no FSGSBASE");
	try_segments(_metadata, &self->cr, segments);
}

/* A selector of a segment that is like the usual one. Only 32-bit code can make it. */
static uint64_t make_segment(void)
{
	struct user_desc *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int ret = 243;	/* set_thread_area() */

	CR_CHECK(data != MAP_FAILED);
	*data = (struct user_desc){
		.entry_number = -1, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1,
	};
	asm volatile("int $0x80" : "+a"(ret) : "b"(data)
		     : "memory", "r8", "r9", "r10", "r11");
	CR_EQ(0, ret);
	return data->entry_number << 3 | 3;
}

/* System calls return with the usual one: it is caught while it computes. */
CR_PROGRAM(stack_segment)
{
	uint64_t own = make_segment(), usual, seen;

	make_flag();
	asm volatile("mov %%ss, %0; mov %2, %%ss\n" SPIN "mov %%ss, %1; mov %0, %%ss"
		     : "=&r"(usual), "=&r"(seen) : "r"(own), "a"(flag) : "memory", "cc");
	CR_EQ(own, seen);
	_exit(0);
}

TEST_F(regs, a_stack_segment_of_ones_own_comes_back_or_is_refused)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, start_spinning(cr, "stack_segment"));
	move_unless_refused(_metadata, cr);
	tell(cr, 1);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

#endif

TEST_HARNESS_MAIN
