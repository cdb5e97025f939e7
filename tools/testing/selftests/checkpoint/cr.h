/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the round-trip tests share. A program under test is a function of the
 * test file, CR_PROGRAM(name), that runs in a process of its own: executed
 * anew in a fresh cgroup, with nothing open but /dev/null, in an empty working
 * directory through whose files it talks with the test. It builds state, calls
 * cr_ready(), which returns after the restart, and verifies itself. It ends
 * when its function returns or with _exit(2), not with exit(3), since it runs
 * before the constructors.
 */
#ifndef CR_H
#define CR_H

#include <linux/checkpoint.h>
#include <linux/checkpoint_image.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The harness forks between setjmp() and longjmp(); it knows what it does. */
#pragma GCC diagnostic ignored "-Wclobbered"

#define CR_NR_CHECKPOINT	600
#define CR_NR_RESTART		601
#define CR_ROOTS_MAX		16
#define CR_LOG_SIZE		(256 * 1024)

/* ---- The test's side ---- */

/**
 * struct cr - one program under test and its image
 * @dir: working directory of the program, an empty directory at first
 * @cgroup: its group
 * @image: path of the image
 * @cgroup_fd: the group's directory
 * @checkpoint_flags: for the next cr_checkpoint()
 * @restart_flags: for the next cr_restart(), beside RESTART_INTO_CGROUP
 * @inherit: for the next cr_restart()
 * @nr_inherit: entries of @inherit
 * @pid: first root of the program
 * @pids: all roots
 * @nr_roots: entries of @pids in use
 * @exited: @pid was waited for by cr_kill(), @status is its status
 * @status: as wait(2) gives it
 * @result: of the last call
 * @log: of the last call
 */
struct cr {
	char dir[64];
	char cgroup[96];
	char image[80];
	int cgroup_fd;
	__u64 checkpoint_flags;
	__u64 restart_flags;
	struct restart_inherit inherit[8];
	unsigned int nr_inherit;
	pid_t pid;
	__s32 pids[CR_ROOTS_MAX];
	unsigned int nr_roots;
	bool exited;
	int status;
	struct ckpt_result result;
	char *log;
};

/* These return 0 or a negative errno, and say on stderr what went wrong. */
int cr_setup(struct cr *cr);
void cr_teardown(struct cr *cr);
int cr_start_clone(struct cr *cr, const char *program, const char *arg, __u64 clone_flags);
int cr_start(struct cr *cr, const char *program, const char *arg);
int cr_wait_for(struct cr *cr, const char *file);
int cr_checkpoint_fd(struct cr *cr, int fd);
int cr_checkpoint(struct cr *cr);
int cr_kill(struct cr *cr);
int cr_restart_fd(struct cr *cr, int fd);
int cr_restart(struct cr *cr);
void cr_go(struct cr *cr);

/* Freeze or thaw the group, by cgroup.freeze; does cgroup.events have this line? */
int cr_freeze(struct cr *cr, bool frozen);
bool cr_has_event(struct cr *cr, const char *event);

/* Wait for the first root's end and show what it wrote: its wait status. */
int cr_wait_exit(struct cr *cr);

/* Start and wait until it is ready; checkpoint and kill; both and restart. */
int cr_start_ready(struct cr *cr, const char *program, const char *arg);
int cr_stop(struct cr *cr);
int cr_move(struct cr *cr);

/* All of it. 0 if the program found itself as it was. */
int cr_round_trip(struct cr *cr, const char *program, const char *arg);

/* The same with an image of an image. */
int cr_round_trips(struct cr *cr, const char *program, const char *arg, int generations);

/* Is @text in the log of the last call? */
bool cr_logged(struct cr *cr, const char *text);

long cr_sys_checkpoint(struct checkpoint_args *args, size_t size);
long cr_sys_restart(struct restart_args *args, size_t size);

/* Poll, for as long as the harness lets a test run. */
#define cr_until(condition)		\
	do {				\
		while (!(condition))	\
			cr_nap();	\
	} while (0)
void cr_nap(void);

#define CR_FIXTURE(topic)						\
	FIXTURE(topic) { struct cr cr; };				\
	FIXTURE_SETUP(topic)						\
	{								\
		int err = cr_setup(&self->cr);				\
									\
		if (err == -ENOSYS)					\
			SKIP(return, "no checkpoint(2) in this kernel");\
		ASSERT_EQ(0, err);					\
	}								\
	FIXTURE_TEARDOWN(topic)						\
	{								\
		cr_teardown(&self->cr);					\
	}								\
	struct cr

/* A test that is nothing but a round trip of its program. */
#define CR_TEST(topic, sentence)					\
	static void cr_prog_##topic##_##sentence(const char *arg);	\
	static const struct cr_program cr_row_##topic##_##sentence	\
	__attribute__((section("cr_programs"), used, aligned(8))) = {	\
		#topic "." #sentence, cr_prog_##topic##_##sentence,	\
	};								\
	TEST_F(topic, sentence)						\
	{								\
		EXPECT_EQ(0, cr_round_trip(&self->cr, #topic "." #sentence, NULL)); \
	}								\
	static void cr_prog_##topic##_##sentence(const char *arg)

/* ---- The program's side ---- */

struct cr_program {
	const char *name;
	void (*run)(const char *arg);
};

#define CR_PROGRAM(name)						\
	static void cr_prog_##name(const char *arg);			\
	static const struct cr_program cr_row_##name			\
	__attribute__((section("cr_programs"), used, aligned(8))) = {	\
		#name, cr_prog_##name,					\
	};								\
	static void cr_prog_##name(const char *arg)

/* Tell the test, and wait until it says to go on: once per generation. */
void cr_ready(void);

/* The two halves. */
void cr_say_ready(void);
bool cr_may_go(void);
void cr_wait_go(void);

/* Make a file; wait for one. */
void cr_touch(const char *file);
void cr_await(const char *file);

/* Leave a line for the test to show, and exit with 1. */
void cr_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void cr_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CR_CHECK(condition)						\
	do {								\
		if (!(condition))					\
			cr_fail("%s:%d: not so: %s (errno %m)",		\
				__func__, __LINE__, #condition);	\
	} while (0)

#define CR_EQ(expected, seen)						\
	do {								\
		long long e_ = (long long)(expected), s_ = (long long)(seen); \
									\
		if (e_ != s_)						\
			cr_fail("%s:%d: %s is %lld (0x%llx), not %lld (0x%llx)", \
				__func__, __LINE__, #seen, s_, s_, e_, e_); \
	} while (0)

/* The end of a child must be this wait status. */
void cr_reap(pid_t pid, int status);

/* A whole file below /proc, into a static buffer of the caller. */
ssize_t cr_read_file(const char *path, void *buf, size_t size);

/* The value after "name:" in a file like /proc/self/status, or -1. */
long long cr_field(const char *path, const char *name, int base);

/* A pattern that differs from page to page, and its check. */
void cr_fill(void *mem, size_t len, unsigned int seed);
bool cr_filled(const void *mem, size_t len, unsigned int seed);

#endif /* CR_H */
