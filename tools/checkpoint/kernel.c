// SPDX-License-Identifier: GPL-2.0
/*
 * Results, logs and errors of checkpoint(2) and restart(2).
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel.h"

/* ENOSYS: here it does mean that there is no such system call. */
#define NO_SUCH_CALL	38

static const char *const stage_names[] = {
	[CKPT_STAGE_ARGS]	= "reading the arguments",
	[CKPT_STAGE_FREEZE]	= "freezing the group",
	[CKPT_STAGE_COLLECT]	= "finding the tasks",
	[CKPT_STAGE_CAPTURE]	= "capturing their state",
	[CKPT_STAGE_WRITE]	= "writing the image",
	[CKPT_STAGE_READ]	= "reading the image",
	[CKPT_STAGE_OBJECTS]	= "making files and other objects",
	[CKPT_STAGE_FOREST]	= "creating the tasks",
	[CKPT_STAGE_CONTENTS]	= "filling the memory",
	[CKPT_STAGE_COMMIT]	= "starting the tasks",
	[CKPT_STAGE_DONE]	= "done",
};

struct klog *klog_new(size_t size)
{
	struct klog *log = mmap(NULL, sizeof(*log) + size, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (log == MAP_FAILED)
		out_of_memory();
	log->size = size;
	return log;
}

void klog_free(struct klog *log)
{
	munmap(log, sizeof(*log) + log->size);
}

/* How much of its log the kernel can have given. */
static uint64_t klog_room(const struct klog *log)
{
	return log->size < KLOG_MAX ? log->size : KLOG_MAX;
}

bool klog_truncated(const struct klog *log)
{
	return log->result.log_true_size > klog_room(log);
}

static unsigned int line_level(const char *line)
{
	static const struct {
		const char *text;
		unsigned int level;
	} levels[] = {
		{ "level=refuse", KLOG_REFUSE },
		{ "level=error", KLOG_ERROR },
		{ "level=warn", KLOG_WARN },
		{ "level=clamp", KLOG_WARN },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++)
		if (!strncmp(line, levels[i].text, strlen(levels[i].text)))
			return levels[i].level;
	return KLOG_INFO;
}

void klog_print(const struct klog *log, FILE *f, unsigned int levels)
{
	const char *line = log->buf;
	size_t len;

	while (*line) {
		len = strcspn(line, "\n");
		/* what a command was asked for needs no name before it */
		if (len && (line_level(line) & levels))
			put_escaped_line(f, f == stderr ? "ckpt: " : "", line, len);
		line += len + (line[len] == '\n');
	}
	if (klog_truncated(log))
		fprintf(f, "%s(%llu more bytes of log did not fit)\n",
			f == stderr ? "ckpt: " : "",
			(unsigned long long)(log->result.log_true_size - klog_room(log)));
	fflush(f);
}

static const char *stage_name(const struct klog *log)
{
	uint32_t stage = log->result.stage;

	if (stage < ARRAY_SIZE(stage_names) && stage_names[stage])
		return stage_names[stage];
	return "at an unknown stage";
}

struct failure {
	int err;
	int status;
	const char *text;
};

static const struct failure checkpoint_failures[] = {
	{ EBUSY, ST_AGAIN,
	  "the group is held by another checkpoint or changes all the time; try again" },
	{ ENODEV, ST_FAILED,
	  "the group was removed" },
	{ EDEADLK, ST_FAILED,
	  "ckpt itself is in that group; run it from another one" },
	{ ETIMEDOUT, ST_AGAIN,
	  "a process hangs in a system call and does not freeze; try again, or --timeout" },
	{ ESRCH, ST_AGAIN,
	  "the group has no process, or one died meanwhile; try again" },
	{ EXDEV, ST_REFUSED,
	  "what is shared with processes outside is named above; checkpoint them in one group" },
	{ EPERM, ST_FAILED,
	  "not permitted: the group must be yours to freeze and to trace; run as root" },
	{ NO_SUCH_CALL, ST_NOSYS,
	  "this kernel has no checkpoint(2); boot one with CONFIG_CHECKPOINT=y" },
	{ EINVAL, ST_FAILED,
	  "the kernel does not take this call; is it the root group, or another ckpt's kernel?" },
	{ E2BIG, ST_FAILED,
	  "the kernel is older than this ckpt; use the ckpt of this kernel" },
	{ ENOSPC, ST_FAILED,
	  "no space for the image; free some, or write elsewhere" },
	{ EDQUOT, ST_FAILED,
	  "the quota leaves no room for the image; write elsewhere" },
	{ EFBIG, ST_FAILED,
	  "the image is larger than a file may be; raise ulimit -f, or write elsewhere" },
	{ EPIPE, ST_FAILED,
	  "the receiver of the image went away; look why" },
	{ EIO, ST_FAILED,
	  "input/output error on the image; look at the kernel log" },
	{ ENOMEM, ST_FAILED,
	  "not enough memory; free some" },
	{ EINTR, ST_FAILED,
	  "interrupted" },
};

static const struct failure restart_failures[] = {
	{ ENOEXEC, ST_SELF,
	  "not a checkpoint image" },
	{ EBADMSG, ST_SELF,
	  "the image is damaged or truncated; 'ckpt info' says where" },
	{ EOPNOTSUPP, ST_SELF,
	  "a sound image that this kernel or CPU cannot take; restart where it was written" },
	{ EEXIST, ST_SELF,
	  "a pid of the image is in use here; use --new-pidns" },
	{ ESTALE, ST_SELF,
	  "another file is where the program had one open; put it back, or use --root" },
	{ ENOENT, ST_SELF,
	  "a file that the program had open is missing; put it back, or use --root" },
	{ EPERM, ST_SELF,
	  "not permitted: it holds more than you may give; run as root, --clamp or --new-pidns" },
	{ EACCES, ST_SELF,
	  "not permitted to open a file of the image; run as its user or as root" },
	{ EFBIG, ST_SELF,
	  "a memfd of the image is larger than ulimit -f allows; raise it" },
	{ NO_SUCH_CALL, ST_SELF,
	  "this kernel has no restart(2); boot one with CONFIG_CHECKPOINT=y" },
	{ EINVAL, ST_SELF,
	  "the kernel does not take this call; see --inherit, and use the ckpt of this kernel" },
	{ E2BIG, ST_SELF,
	  "the kernel is older than this ckpt; use the ckpt of this kernel" },
	{ ENOKEY, ST_SELF,
	  "an external object has no replacement; see 'ckpt info', and --inherit KEY=FD" },
	{ EBUSY, ST_SELF,
	  "the group is frozen, held, or has controllers for groups below it; use another" },
	{ EBADF, ST_SELF,
	  "a program had more files open than you may have; raise ulimit -Hn" },
	{ ENODEV, ST_SELF,
	  "the group was removed; try again" },
	{ ENOTDIR, ST_SELF,
	  "a directory of the image is none here; put it back, or use --root" },
	{ EAGAIN, ST_SELF,
	  "a limit on the number of processes was hit; raise ulimit -u or pids.max" },
	{ ENOMEM, ST_SELF,
	  "not enough memory; free some" },
	{ EINTR, ST_SELF,
	  "interrupted; nothing is left of it" },
	{ EIO, ST_SELF,
	  "input/output error on the image; look at the kernel log" },
};

static int report(const struct failure *table, size_t nr, const struct klog *log,
		  const char *what, int status)
{
	const char *text = strerror(log->err);
	size_t i;

	for (i = 0; i < nr; i++) {
		if (table[i].err != log->err)
			continue;
		text = table[i].text;
		status = table[i].status;
	}
	if (log->err == NO_SUCH_CALL)
		say("%s", text);
	else
		say("%s failed (%s, %s): %s", what, stage_name(log),
		    strerrorname_np(log->err) ?: "unknown error", text);
	return status;
}

/* Returns the exit status. */
int checkpoint_failed(const struct klog *log, bool verbose)
{
	klog_print(log, stderr, verbose ? KLOG_ALL : KLOG_ALL & ~KLOG_INFO);
	if (log->err == EAGAIN) {
		say("refused: %u thing%s cannot be saved, see above; all is as it was",
		    log->result.blockers, log->result.blockers == 1 ? "" : "s");
		return ST_REFUSED;
	}
	return report(checkpoint_failures, ARRAY_SIZE(checkpoint_failures), log,
		      "checkpoint", ST_FAILED);
}

int restart_failed(const struct klog *log, bool verbose)
{
	/* of the arguments the log says all: it is not about the programs' files */
	bool known = log->err != EBADF || log->result.stage >= CKPT_STAGE_OBJECTS;

	klog_print(log, stderr, verbose ? KLOG_ALL : KLOG_ALL & ~KLOG_INFO);
	return report(restart_failures, known ? ARRAY_SIZE(restart_failures) : 0, log,
		      "restart", ST_SELF);
}

void print_summary(const struct klog *log, const char *what)
{
	const struct ckpt_result *res = &log->result;
	char size[16], uuid[37], frozen[48] = "";

	uuid_text(res->uuid, uuid);
	if (res->frozen_ns)
		snprintf(frozen, sizeof(frozen), ", frozen for %.1f ms", res->frozen_ns / 1e6);
	say("%s %s: %llu processes, %llu threads, %llu pages, %s in %llu ms%s",
	    what, uuid, res->processes, res->threads, res->pages,
	    human_size(res->bytes, size), (unsigned long long)log->ms, frozen);
}
