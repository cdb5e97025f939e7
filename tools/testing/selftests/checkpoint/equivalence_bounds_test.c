// SPDX-License-Identifier: GPL-2.0
/* What a caller under limits may make: processes, memory, pipes, signals. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define MB		(1UL << 20)

EQ_FIXTURE(equivalence_bounds);

/* ---- Processes ---- */

static int ask_child(const struct eq_case *c)
{
	return eq_child_asks(eq_clone(0, 0, 0, SIGCHLD));
}

static int one_task(struct eq *eq)
{
	return fail_group_write(&eq->group, "pids.max", "1");
}

static void any_tasks(struct eq *eq)
{
	fail_group_write(&eq->group, "pids.max", "max");
}

static const struct eq_case processes[] = {
	{ .asks = "a process beyond RLIMIT_NPROC", .axis = "cannot create pid", .err = EAGAIN,
	  .may = EQ_ROOT, .nr = RLIMIT_NPROC, .had = { 1, 1 }, .rig = eq_rig_limit,
	  .ask = ask_child },
	{ .asks = "a process beyond pids.max", .axis = "cannot create pid", .err = EAGAIN,
	  .set = one_task, .unset = any_tasks, .ask = ask_child },
};

EQ_TABLE(equivalence_bounds, of_processes_hold, processes);

/* ---- Descriptors ---- */

static int ask_fd(const struct eq_case *c)
{
	if (dup2(EQ_FD_MEMFD, c->value) < 0)
		return -errno;
	close(EQ_FD_MEMFD);
	return 0;
}

/* The greatest of the table is the memfd's. */
static void put_fd(struct fail_image *image, const struct eq_case *c)
{
	struct ckpt_files *files = eq_record(image, CKPT_REC_FILES);
	struct ckpt_fd *fds = (void *)(files + 1);

	fds[files->nr_fds - 1].fd = c->value;
}

#define FD(what, is, who)						\
	{ .asks = what, .axis = "RLIMIT_NOFILE", .err = EBADF, .may = who, .value = is, \
	  .nr = RLIMIT_NOFILE, .had = { 64, 64 }, .rig = eq_rig_limit, .ask = ask_fd, \
	  .doctor = put_fd }

static const struct eq_case descriptors[] = {
	FD("the last descriptor of RLIMIT_NOFILE", 63, EQ_ALL),
	FD("the next", 64, EQ_NOBODY),
	FD("one far beyond", 100000, EQ_NOBODY),
};

EQ_TABLE(equivalence_bounds, of_descriptors_hold, descriptors);

/* ---- Memory ---- */

static int ask_memory(const struct eq_case *c)
{
	void *at = mmap((void *)c->value, c->value2, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return at == MAP_FAILED ? -errno : 0;
}

static void put_memory(struct fail_image *image, const struct eq_case *c)
{
	eq_insert_vma(image, (char *)c->value, c->value2, PROT_READ | PROT_WRITE);
}

#define MEMORY(what, bytes, who, error, ...)				\
	{ .asks = what, .axis = "cannot map", .err = error, .may = who, \
	  .value = (uintptr_t)EQ_FREE, .value2 = bytes,			\
	  .ask = ask_memory, .doctor = put_memory, __VA_ARGS__ }
#define WITHIN(resource, mb)						\
	.nr = RLIMIT_##resource, .had = { (mb) * MB, (mb) * MB }, .rig = eq_rig_limit

static const struct eq_case memory[] = {
	MEMORY("64 MB more", 64 * MB, EQ_ALL, 0),
	MEMORY("64 MB within RLIMIT_AS", 64 * MB, EQ_ALL, 0, WITHIN(AS, 96)),
	MEMORY("64 MB beyond RLIMIT_AS", 64 * MB, EQ_NOBODY, ENOMEM, WITHIN(AS, 64)),
	MEMORY("64 MB within RLIMIT_DATA", 64 * MB, EQ_ALL, 0, WITHIN(DATA, 96)),
	MEMORY("64 MB beyond RLIMIT_DATA", 64 * MB, EQ_NOBODY, ENOMEM, WITHIN(DATA, 64)),
	{ .asks = "memory at address 0", .axis = "cannot map", .may = EQ_ROOT,
	  .value = 0, .value2 = 4096, .ask = ask_memory, .doctor = put_memory },
	{ .asks = "memory above mmap_min_addr", .axis = "", .may = EQ_ALL,
	  .value = 65536, .value2 = 4096, .ask = ask_memory, .doctor = put_memory },
};

EQ_TABLE(equivalence_bounds, of_memory_hold, memory);

/* To go into another group is to write to that of both. */
static int give_group(struct eq *eq)
{
	return eq_errno(chown("/sys/fs/cgroup/cgroup.procs", EQ_UID, EQ_UID)) ?:
	       eq_errno(fchownat(eq->other.fd, "cgroup.procs", EQ_UID, EQ_UID, 0)) ?:
	       fail_group_write(&eq->other, "memory.max", "32M");
}

static void take_group(struct eq *eq)
{
	chown("/sys/fs/cgroup/cgroup.procs", 0, 0);
	fchownat(eq->other.fd, "cgroup.procs", 0, 0, 0);
	fail_group_write(&eq->other, "memory.max", "max");
}

/* As much as the fat image has. */
static int ask_to_be_fat(const struct eq_case *c)
{
	pid_t pid = eq_clone(CLONE_INTO_CGROUP, 0, eq_group_fd(c), SIGCHLD);
	int err = eq_child_asks(pid);
	char *memory;

	if (err)
		return err;
	memory = mmap(NULL, 6 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, 6 * MB);
	return 0;
}

static const struct eq_case group_memory[] = {
	{ .asks = "6 MB in a group that may have 32", .axis = "", .may = EQ_ALL, .fat = true,
	  .into = EQ_OTHER, .set = give_group, .unset = take_group, .ask = ask_to_be_fat },
};

EQ_TABLE(equivalence_bounds, of_the_memory_of_a_group_leave_room, group_memory);

/* ---- Pipes and memfds ---- */

static int ask_pipe(const struct eq_case *c)
{
	return eq_errno(fcntl(EQ_FD_PIPE, F_SETPIPE_SZ, (int)c->value));
}

static void put_pipe(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_pipe *)eq_record(image, CKPT_REC_PIPE))->size = c->value;
}

#define SOFT_PAGES	"/proc/sys/fs/pipe-user-pages-soft"

static int few_pages(struct eq *eq)
{
	return eq_put(SOFT_PAGES, "32");
}

static void many_pages(struct eq *eq)
{
	eq_put(SOFT_PAGES, "16384");
}

#define PIPE(what, bytes, who, ...)					\
	{ .asks = what, .axis = "cannot make a pipe", .may = who, .value = bytes, \
	  .ask = ask_pipe, .doctor = put_pipe, __VA_ARGS__ }

static const struct eq_case pipes[] = {
	PIPE("a pipe of a page", 4096, EQ_ALL),
	PIPE("a pipe of pipe-max-size", MB, EQ_ALL),
	PIPE("a pipe of more than pipe-max-size", 2 * MB, EQ_ROOT),
	PIPE("a pipe of more than pipe-user-pages-soft", 256 * 1024, EQ_ROOT,
	     .set = few_pages, .unset = many_pages),
};

EQ_TABLE(equivalence_bounds, of_pipes_hold, pipes);

static int ask_memfd_size(const struct eq_case *c)
{
	signal(SIGXFSZ, SIG_IGN);
	return eq_errno(ftruncate(EQ_FD_MEMFD, c->value));
}

static void put_memfd_size(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_shmem *)eq_record(image, CKPT_REC_SHMEM))->size = c->value;
}

#define MEMFD(what, bytes, who)						\
	{ .asks = what, .axis = "axis=rlimit", .err = EFBIG, .may = who, .value = bytes, \
	  .nr = RLIMIT_FSIZE, .had = { 16 * MB, 16 * MB }, .rig = eq_rig_limit, \
	  .ask = ask_memfd_size, .doctor = put_memfd_size }

static const struct eq_case memfd_within[] = {
	MEMFD("a memfd within RLIMIT_FSIZE", 16 * MB, EQ_ALL),
};

EQ_TABLE(equivalence_bounds, of_memfds_leave_room, memfd_within);

static const struct eq_case memfd_beyond[] = {
	MEMFD("a memfd beyond RLIMIT_FSIZE", 32 * MB, EQ_NOBODY),
};

EQ_TABLE(equivalence_bounds, of_memfds_hold, memfd_beyond);

/* ---- Pending signals ---- */

#define PENDING		(SIGRTMIN + 2)

static int block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, PENDING);
	return eq_errno(sigprocmask(SIG_BLOCK, &set, NULL));
}

static int ask_signal(const struct eq_case *c)
{
	siginfo_t info = { .si_signo = PENDING, .si_code = SI_QUEUE, .si_pid = 1 };

	return block() ?: eq_errno(syscall(SYS_rt_sigqueueinfo, getpid(), PENDING, &info));
}

static void put_signal(struct fail_image *image, const struct eq_case *c)
{
	int rec = fail_image_find(image, CKPT_REC_PROCESS, 0);
	struct ckpt_process *process = fail_image_data(image, rec);
	struct ckpt_thread *thread = eq_record(image, CKPT_REC_THREAD);
	struct ckpt_siginfo info = { .signo = PENDING, .code = SI_QUEUE, .queued = 1 };

	thread->blocked |= 1ULL << (PENDING - 1);
	process->nr_siginfos = 1;
	eq_insert(image, rec + 1, CKPT_REC_SIGINFO, sizeof(info), &info, sizeof(info));
}

#define SIGNAL(what, who, most)						\
	{ .asks = what, .axis = "RLIMIT_SIGPENDING", .err = EAGAIN, .may = who, \
	  .nr = RLIMIT_SIGPENDING, .had = { most, most }, .rig = eq_rig_limit,	\
	  .ask = ask_signal, .doctor = put_signal }

static const struct eq_case signals[] = {
	SIGNAL("a pending signal within RLIMIT_SIGPENDING", EQ_ALL, 100),
	SIGNAL("a pending signal beyond RLIMIT_SIGPENDING", EQ_NOBODY, 0),
};

EQ_TABLE(equivalence_bounds, of_pending_signals_hold, signals);

TEST_HARNESS_MAIN
