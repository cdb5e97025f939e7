// SPDX-License-Identifier: GPL-2.0
/*
 * Processes as /proc shows them.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

#define SKIP5	" %*d %*d %*d %*d %*d"

struct proc {
	pid_t pid;
	pid_t ppid;
	bool live;
};

/* Fields of /proc/PID/stat; the name may hold blanks and parentheses. */
static int read_stat(const char *pid, struct proc *proc)
{
	char name[64], text[1024], *p, state;
	int ppid;
	long threads;

	snprintf(name, sizeof(name), "/proc/%.20s/stat", pid);
	if (read_file_at(AT_FDCWD, name, text, sizeof(text)) < 0)
		return -1;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %c %d" SKIP5 SKIP5 SKIP5 " %ld", &state, &ppid, &threads) != 3) {
		errno = EINVAL;
		return -1;
	}
	proc->pid = atoi(pid);
	proc->ppid = ppid;
	/* a dead leader's process lives on in its other threads */
	proc->live = (state != 'Z' && state != 'X') || threads > 1;
	return 0;
}

static int scan(struct proc **procs, size_t *nr)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	size_t room = 0;

	*procs = NULL;
	*nr = 0;
	if (!dir)
		return -1;
	while ((d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		if (*nr == room) {
			room = room ? 2 * room : 256;
			*procs = xrealloc(*procs, room, sizeof(**procs));
		}
		if (!read_stat(d->d_name, *procs + *nr))
			(*nr)++;
	}
	closedir(dir);
	return 0;
}

/*
 * A process and all its descendants that live. Those whose parent died before
 * we looked are no longer its descendants for anybody.
 */
int proc_tree(pid_t root, struct pidset *tree)
{
	struct pidset found = { 0 }, fresh = { 0 };
	struct proc *procs;
	size_t nr, i;

	if (scan(&procs, &nr))
		return -1;
	tree->nr = 0;
	for (i = 0; i < nr; i++)
		if (procs[i].pid == root)
			pidset_add(&fresh, root);
	while (fresh.nr) {
		for (i = 0; i < fresh.nr; i++)
			pidset_add(&found, fresh.v[i]);
		pidset_sort(&found);
		fresh.nr = 0;
		for (i = 0; i < nr; i++)
			if (pidset_has(&found, procs[i].ppid) &&
			    !pidset_has(&found, procs[i].pid))
				pidset_add(&fresh, procs[i].pid);
	}
	for (i = 0; i < nr; i++)
		if (procs[i].live && pidset_has(&found, procs[i].pid))
			pidset_add(tree, procs[i].pid);
	pidset_sort(tree);
	pidset_free(&found);
	pidset_free(&fresh);
	free(procs);
	return 0;
}

/* 0 when there is none, or none that our pid namespace shows. */
pid_t proc_parent(pid_t pid)
{
	struct proc proc;
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return read_stat(text, &proc) ? 0 : proc.ppid;
}

bool proc_is_ancestor(pid_t ancestor, pid_t pid)
{
	int depth;

	for (depth = 0; pid > 0 && depth < 100000; depth++) {
		if (pid == ancestor)
			return true;
		pid = proc_parent(pid);
	}
	return false;
}

static bool status_has(const char *text, const char *key, int sig)
{
	const char *p = strstr(text, key);

	return p && strtoull(p + strlen(key), NULL, 16) & 1ULL << (sig - 1);
}

/* The line "NSpid:" has a column for each namespace, /proc's own first. */
static int parse_nspid(const char *text, bool *last_is_1)
{
	const char *p = strstr(text, "\nNSpid:");
	int columns = 0;

	*last_is_1 = false;
	if (!p)
		return 1;
	for (p += strlen("\nNSpid:"); *p == '\t'; p += strcspn(p, "\t\n")) {
		p++;
		columns++;
		*last_is_1 = p[0] == '1' && (p[1] == '\n' || !p[1]);
	}
	return columns;
}

/* In a pid namespace without a /proc of its own, pids there are others'. */
bool proc_is_ours(void)
{
	char text[8192];
	bool last_is_1;

	return read_file_at(AT_FDCWD, "/proc/self/status", text, sizeof(text)) > 0 &&
	       parse_nspid(text, &last_is_1) == 1;
}

/*
 * Does a process handle, ignore or block a signal? Also says whether it is
 * pid 1 of a namespace below ours: the kernel drops signals that those do not
 * handle.
 */
bool proc_handles(pid_t pid, int sig, bool *is_ns_init)
{
	char name[64], text[8192];

	*is_ns_init = false;
	if (!proc_is_ours())
		return true;
	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	if (read_file_at(AT_FDCWD, name, text, sizeof(text)) < 0)
		return true;
	if (parse_nspid(text, is_ns_init) < 2)
		*is_ns_init = false;
	return status_has(text, "\nSigCgt:\t", sig) || status_has(text, "\nSigIgn:\t", sig) ||
	       status_has(text, "\nSigBlk:\t", sig);
}
