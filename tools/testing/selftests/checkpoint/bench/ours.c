// SPDX-License-Identifier: GPL-2.0
/*
 * checkpoint(2) and restart(2), called directly; with CHECKPOINT_COW; and by the
 * command, which is what is to be compared with other commands.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../../../checkpoint/sys.h"
#include "bench.h"

/* An older kernel refuses it. */
#ifndef CHECKPOINT_COW
#define CHECKPOINT_COW	(1ULL << 2)
#endif

#define CKPT		"/bin/ckpt"
#define IMAGE		"image"
#define PATH_SIZE	128

static char log_text[16384];

static char *first_line(char *text)
{
	text[strcspn(text, "\n")] = 0;
	return text;
}

static int open_image(const char *dir, int flags)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" IMAGE, dir);
	return open(path, flags | O_CLOEXEC, 0600);
}

static int save(const struct target *target, const char *dir, uint64_t flags)
{
	struct ckpt_result result = {};
	struct checkpoint_args args = {
		.flags = flags,
		.cgroup_fd = target->group,
		.log_buf = (unsigned long)log_text,
		.log_size = sizeof(log_text),
		.result = (unsigned long)&result,
		.result_size = sizeof(result),
	};
	uint64_t start, took;
	int err;

	target_watch(target);
	start = now_ns();
	args.image_fd = open_image(dir, O_RDWR | O_CREAT | O_TRUNC);
	*log_text = 0;
	err = sys_checkpoint(&args) ? errno : 0;
	close(args.image_fd);
	took = now_ns() - start;
	if (err == EINVAL && flags & CHECKPOINT_COW)
		return failed("save", "not available: this kernel has no CHECKPOINT_COW");
	if (err)
		return failed("save", "%s: %s", strerror(err), first_line(log_text));
	sample("save", took);
	sample("frozen", result.frozen_ns);
	sample("gap", target_gap(target));
	return 0;
}

static int save_by_call(const struct target *target, const char *dir)
{
	return save(target, dir, 0);
}

static int save_by_cow(const struct target *target, const char *dir)
{
	return save(target, dir, CHECKPOINT_COW);
}

static int restart_by_call(const struct target *target, const char *dir)
{
	struct ckpt_result result = {};
	__s32 pid = 0;
	struct restart_args args = {
		.flags = RESTART_INTO_CGROUP,
		.cgroup_fd = target->group,
		.pids = (unsigned long)&pid,
		.nr_roots = 1,
		.log_buf = (unsigned long)log_text,
		.log_size = sizeof(log_text),
		.result = (unsigned long)&result,
		.result_size = sizeof(result),
	};
	uint64_t start = now_ns();
	int err;

	args.image_fd = open_image(dir, O_RDONLY);
	*log_text = 0;
	err = sys_restart(&args) ? errno : 0;
	close(args.image_fd);
	start = now_ns() - start;
	if (err)
		return failed("restart", "%s: %s", strerror(err), first_line(log_text));
	if (pid != target->pid)
		return failed("restart", "pid %d, not %d", pid, target->pid);
	sample("restart", start);
	return 0;
}

/* ---- The command ---- */

static int save_by_tool(const struct target *target, const char *dir)
{
	char path[PATH_SIZE];
	const char *const argv[] = {
		CKPT, "checkpoint", "--cgroup", CGROUP, "--output", path, NULL
	};
	uint64_t start;
	int status;

	snprintf(path, sizeof(path), "%s/" IMAGE, dir);
	target_watch(target);
	start = now_ns();
	status = run_program(argv, -1);
	start = now_ns() - start;
	if (status)
		return failed("save", "ckpt: wait status 0x%x", status);
	sample("save", start);
	sample("gap", target_gap(target));
	return 0;
}

static int restart_by_tool(const struct target *target, const char *dir)
{
	char path[PATH_SIZE];
	const char *const argv[] = {
		CKPT, "restart", "--detach", "--cgroup", CGROUP, "--input", path, NULL
	};
	uint64_t start;
	int status;

	snprintf(path, sizeof(path), "%s/" IMAGE, dir);
	start = now_ns();
	status = run_program(argv, -1);
	start = now_ns() - start;
	if (status)
		return failed("restart", "ckpt: wait status 0x%x", status);
	sample("restart", start);
	return 0;
}

const struct system ours_call = { "call", save_by_call, restart_by_call };
const struct system ours_cow = { "cow", save_by_cow, restart_by_call };
const struct system ours_tool = { "ckpt", save_by_tool, restart_by_tool };
