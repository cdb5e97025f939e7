// SPDX-License-Identifier: GPL-2.0
/*
 * Floors: what the kernel takes for the bare minimum of a save or a restart, when
 * a program asks for just that. Each is measured in a child, which may use up
 * descriptors and memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CHUNK	(1UL << 20)
#define PAGE	4096
#define STACK	(4 * PAGE)
#define FILL	65536

static char *anonymous(size_t len, int advice)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		_exit(1);
	madvise(mem, len, advice);
	return mem;
}

/* ---- Memory ---- */

static int fresh_file(void)
{
	return open(WORK_DIR, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

static void write_bytes(int fd, uint64_t bytes)
{
	char *chunk = anonymous(CHUNK, MADV_NOHUGEPAGE);
	uint64_t at, len;

	memset(chunk, 0x5a, CHUNK);
	for (at = 0; at < bytes; at += len) {
		len = bytes - at < CHUNK ? bytes - at : CHUNK;
		if (write(fd, chunk, len) != len)
			_exit(1);
	}
}

static uint64_t write_file(uint64_t bytes)
{
	int fd = fresh_file();
	uint64_t start = now_ns();

	write_bytes(fd, bytes);
	return now_ns() - start;
}

static uint64_t read_back(uint64_t bytes, int advice)
{
	int fd = fresh_file();
	uint64_t start, at;
	char *mem;

	write_bytes(fd, bytes);
	start = now_ns();
	mem = anonymous(bytes, advice);
	for (at = 0; at < bytes; at += CHUNK)
		if (pread(fd, mem + at, bytes - at < CHUNK ? bytes - at : CHUNK, at) <= 0)
			_exit(1);
	return now_ns() - start;
}

static uint64_t read_small(uint64_t bytes)
{
	return read_back(bytes, MADV_NOHUGEPAGE);
}

static uint64_t read_huge(uint64_t bytes)
{
	return read_back(bytes, MADV_HUGEPAGE);
}

static uint64_t make_areas(uint64_t nr)
{
	uint64_t start = now_ns(), i;

	/* neighbours that cannot be merged */
	for (i = 0; i < nr; i++)
		if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			_exit(1);
	return now_ns() - start;
}

/* ---- Tasks ---- */

static uint64_t make_processes(uint64_t nr)
{
	pid_t *pids = calloc(nr, sizeof(*pids));
	uint64_t start = now_ns(), i;

	for (i = 0; i < nr; i++) {
		pids[i] = fork();
		if (!pids[i])
			for (;;)
				pause();
	}
	start = now_ns() - start;
	for (i = 0; i < nr; i++)
		kill(pids[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	return start;
}

static void *sleeper(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static uint64_t make_threads(uint64_t nr)
{
	char *stacks = anonymous(nr * STACK, MADV_NOHUGEPAGE);
	uint64_t start, i;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setguardsize(&attr, 0);
	start = now_ns();
	for (i = 0; i < nr; i++)
		if (pthread_attr_setstack(&attr, stacks + i * STACK, STACK) ||
		    pthread_create(&thread, &attr, sleeper, NULL))
			_exit(1);
	return now_ns() - start;
}

/* ---- Files ---- */

static void allow(uint64_t nr)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ nr + 100, nr + 100 });
}

static uint64_t open_files(uint64_t nr)
{
	uint64_t start, i;

	allow(nr);
	start = now_ns();
	for (i = 0; i < nr; i++)
		if (open(LOAD_DIR "/file", O_RDWR) < 0)
			_exit(1);
	return now_ns() - start;
}

static uint64_t fill_pipes(uint64_t nr)
{
	char *chunk = anonymous(FILL, MADV_NOHUGEPAGE);
	uint64_t start, i;
	int ends[2];

	memset(chunk, 0x5a, FILL);
	allow(2 * nr);
	start = now_ns();
	for (i = 0; i < nr; i++)
		if (pipe(ends) || write(ends[1], chunk, FILL) != FILL)
			_exit(1);
	return now_ns() - start;
}

static uint64_t run_nothing(uint64_t nr)
{
	const char *const argv[] = { "/bin/bench_load", NULL };
	uint64_t start = now_ns();

	run_program(argv, -1);
	return now_ns() - start;
}

/* ---- The group ---- */

static bool has_frozen(int group, const char *line)
{
	char text[128] = "";
	int fd = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	bool found = read(fd, text, sizeof(text) - 1) > 0 && strstr(text, line);

	close(fd);
	return found;
}

static void set_frozen(int group, const char *value)
{
	int fd = openat(group, "cgroup.freeze", O_WRONLY | O_CLOEXEC);

	if (write(fd, value, 1) != 1)
		_exit(1);
	close(fd);
}

/* Nothing tells when a task that was thawed is on its way: 0 is said before. */
static uint64_t freeze_and_thaw(int group)
{
	uint64_t start = now_ns();

	set_frozen(group, "1");
	while (!has_frozen(group, "frozen 1"))
		;
	set_frozen(group, "0");
	while (!has_frozen(group, "frozen 0"))
		;
	return now_ns() - start;
}

/* ---- All of them ---- */

static const struct floor {
	const char *name;
	uint64_t (*measure)(uint64_t number);
	bool takes_bytes;
} floors[] = {
	{ "write", write_file, true },
	{ "read", read_small, true },
	{ "read-huge", read_huge, true },
	{ "areas", make_areas },
	{ "processes", make_processes },
	{ "threads", make_threads },
	{ "open", open_files },
	{ "pipes", fill_pipes },
	{ "exec", run_nothing },
	{ }
};

static uint64_t in_child(const struct floor *floor, uint64_t number)
{
	uint64_t *told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0), took;
	pid_t pid = fork();

	if (!pid) {
		*told = floor->measure(number);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	took = *told;
	munmap(told, PAGE);
	return took;
}

bool floor_needs_target(const char *name)
{
	return !strcmp(name, "fork") || !strcmp(name, "freeze");
}

int floor_measure(const char *name, const struct target *target, uint64_t bytes,
		  unsigned long nr)
{
	const struct floor *floor;
	uint64_t took = 0;

	for (floor = floors; floor->name; floor++)
		if (!strcmp(floor->name, name))
			took = in_child(floor, floor->takes_bytes ? bytes : nr);
	if (!strcmp(name, "fork"))
		took = target_fork(target);
	else if (!strcmp(name, "freeze"))
		took = freeze_and_thaw(target->group);
	if (!took)
		return failed(name, "not measured");
	sample(name, took);
	return 0;
}
