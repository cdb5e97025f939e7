// SPDX-License-Identifier: GPL-2.0
/* Callers in memory groups of their own, and images with much of something. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exhaust.h"

/* ---- Callers ---- */

int exhaust_setup(struct exhaust *e)
{
	int err;

	memset(e, 0, sizeof(*e));
	fail_become_reaper();
	err = fail_group_make(&e->group) ?: fail_group_make(&e->caller);
	if (err)
		return err;
	e->job = mmap(NULL, sizeof(*e->job), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (e->job == MAP_FAILED)
		return -errno;
	e->job->group = e->group;
	/* what is shared is charged to who touches it first: not to the caller */
	memset(&e->job->report, 0, sizeof(e->job->report));
	return 0;
}

void exhaust_teardown(struct exhaust *e)
{
	fail_group_end(&e->group);
	fail_group_end(&e->caller);
	munmap(e->job, sizeof(*e->job));
}

static void call(void *arg)
{
	struct exhaust_job *job = arg;

	job->err = job->prepare ? -job->prepare(job) : 0;
	if (!job->err)
		job->err = job->restarts ?
			fail_restart(job->image_fd,
				     job->flags & RESTART_CHECK ? NULL : &job->group,
				     job->flags, &job->report) :
			fail_checkpoint(&job->group, job->image_fd, job->flags, 0,
					&job->report);
	job->done = true;
}

static int become_caller(struct exhaust *e)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	const char *adj = e->job->survives ? "-1000" : "0";
	int err = 0;

	if (fd < 0 || write(fd, adj, strlen(adj)) < 0)
		err = -errno;
	close(fd);
	return err ?: fail_group_write(&e->caller, "cgroup.procs", "0");
}

static void be_caller(void *arg)
{
	struct exhaust *e = arg;

	e->job->err = become_caller(e);
	if (!e->job->err)
		call(e->job);
}

int exhaust_begin(struct exhaust *e)
{
	e->job->done = false;
	e->job->err = -EINTR;
	e->pid = fail_helper(be_caller, e);
	return e->pid < 0 ? -errno : 0;
}

int exhaust_end(struct exhaust *e)
{
	while (waitpid(e->pid, &e->job->status, 0) < 0 && errno == EINTR)
		;
	e->pid = 0;
	return e->job->done ? e->job->err : -EINTR;
}

int exhaust_call(struct exhaust *e)
{
	return exhaust_begin(e) ?: exhaust_end(e);
}

bool exhaust_left(const struct exhaust *e)
{
	return !fail_group_empty(&e->group) || !fail_no_children();
}

static char state_of(pid_t pid)
{
	char name[32], buf[512], *end;
	int fd, n;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	end = strrchr(buf, ')');
	return end ? end[2] : 0;
}

struct waits {
	pid_t pid;
	int pipe;
	bool full;
};

static bool is_waiting(void *arg)
{
	struct waits *w = arg;
	int i, queued;

	for (i = 0; i < 5; i++) {
		if (ioctl(w->pipe, FIONREAD, &queued) || !queued == w->full ||
		    state_of(w->pid) != 'D')
			return false;
		fail_nap(4);
	}
	return true;
}

bool exhaust_waits(struct exhaust *e, int pipe, bool full)
{
	struct waits w = { e->pid, pipe, full };

	return fail_poll(is_waiting, &w, 60000);
}

/* ---- Measures ---- */

bool exhaust_can_measure(void)
{
	return access("/proc/lockdep_stats", F_OK) && access("/sys/kernel/debug/kcsan", F_OK);
}

unsigned long exhaust_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long value = 0;

	if (!f || fscanf(f, "%lu", &value) != 1)
		value = 0;
	if (f)
		fclose(f);
	return value;
}

static unsigned long number_of(const struct fail_group *group, const char *file)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", group->path, file);
	return exhaust_number(path);
}

unsigned long exhaust_peak(const struct exhaust *e)
{
	return number_of(&e->caller, "memory.peak");
}

/* A line "name value" or "name: value kB" of a file of such lines. */
static long line_of(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(name);
	char line[200];
	long value = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && strchr(": ", line[len]))
			value = atol(line + len + 1) * (strstr(line, " kB") ? 1024 : 1);
	if (f)
		fclose(f);
	return value;
}

/* What is charged to the caller for things of the kernel. */
long exhaust_kernel_of(const struct exhaust *e)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/memory.stat", e->caller.path);
	return line_of(path, "kernel");
}

/* What the whole system has of them. */
long exhaust_kernel_of_all(void)
{
	static const char *const names[] = {
		"Slab", "KernelStack", "PageTables", "SecPageTables", "VmallocUsed", "Percpu",
	};
	long sum = 0;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		sum += line_of("/proc/meminfo", names[i]);
	return sum;
}

/* ---- Images ---- */

struct ckpt_header *exhaust_header(struct fail_image *image)
{
	return fail_image_data(image, 0);
}

void exhaust_repeat(struct fail_image *to, const struct fail_image *from, int first,
		    int last, int before, unsigned long copies, exhaust_fix fix)
{
	int each = last - first + 1, at = 0, i;
	int *order = malloc((from->nr + each * copies) * sizeof(*order));
	unsigned long copy;

	for (i = 0; i < before; i++)
		order[at++] = i;
	for (copy = 0; copy < copies; copy++)
		for (i = first; i <= last; i++)
			order[at++] = i;
	for (i = before; i < from->nr; i++)
		order[at++] = i;
	fail_image_build(to, from, order, at);
	for (copy = 0; fix && copy < copies; copy++)
		for (i = 0; i < each; i++)
			fix(to, before + copy * each + i, copy);
	free(order);
}

void exhaust_lengthen(struct fail_image *to, const struct fail_image *from, int rec,
		      size_t more)
{
	size_t len = from->rec[rec].end - from->rec[rec].at, i;
	int *order = malloc(from->nr * sizeof(*order));
	struct fail_image longer;

	/* the longer one is behind the trailer, for as long as it takes to build */
	fail_image_copy(&longer, from);
	longer.data = realloc(longer.data, longer.len + len + more);
	memcpy(longer.data + longer.len, from->data + from->rec[rec].at, len);
	memset(longer.data + longer.len + len, 0, more);
	((struct ckpt_record *)(longer.data + longer.len))->len += more;
	longer.rec = realloc(longer.rec, (from->nr + 1) * sizeof(*longer.rec));
	longer.rec[from->nr] = (struct fail_rec){
		longer.len, longer.len + len + more, from->rec[rec].type };
	for (i = 0; i < (size_t)from->nr; i++)
		order[i] = i == (size_t)rec ? (size_t)from->nr : i;
	fail_image_build(to, &longer, order, from->nr);
	fail_image_free(&longer);
	free(order);
}
