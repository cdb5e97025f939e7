// SPDX-License-Identifier: GPL-2.0
/* The end of a group: every process is waited for, so that its pid is free. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cr.h"

struct kin {
	pid_t pid, ppid;
	bool ours;
};

static size_t list_processes(struct kin *kin, size_t max)
{
	char path[300], text[512], *after;
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	size_t nr = 0;

	while (dir && nr < max && (entry = readdir(dir))) {
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (cr_read_file(path, text, sizeof(text)) <= 0)
			continue;
		after = strrchr(text, ')');
		kin[nr].pid = atoi(entry->d_name);
		kin[nr].ours = false;
		if (after && sscanf(after, ") %*c %d", &kin[nr].ppid) == 1)
			nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

static bool adopt(struct kin *kin, size_t nr, pid_t pid, pid_t ppid)
{
	bool found = false;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (kin[i].ours || (pid ? kin[i].pid != pid : kin[i].ppid != ppid))
			continue;
		kin[i].ours = true;
		found = true;
	}
	return found;
}

static void wait_gone(struct cr *cr, struct kin *kin, size_t nr)
{
	int status;
	pid_t pid;
	size_t i;

	for (i = 0; i < nr; i++) {
		while (kin[i].ours && !kill(kin[i].pid, 0)) {
			pid = waitpid(kin[i].pid, &status, WNOHANG);
			if (pid > 0 && pid == cr->pid) {
				cr->exited = true;
				cr->status = status;
			}
			if (pid <= 0)
				cr_nap();
		}
	}
}

/* Kill the group, and wait until no process holds a pid of its own any more. */
int cr_kill(struct cr *cr)
{
	static struct kin kin[8192];
	int fd = openat(cr->cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	bool more = true;
	size_t nr, i;

	nr = list_processes(kin, 8192);
	for (i = 0; i < cr->nr_roots; i++)
		if (!cr->exited || cr->pids[i] != cr->pid)
			adopt(kin, nr, cr->pids[i], 0);
	while (more)
		for (more = false, i = 0; i < nr; i++)
			if (kin[i].ours)
				more |= adopt(kin, nr, 0, kin[i].pid);
	if (fd < 0 || write(fd, "1", 1) != 1) {
		perror("# cgroup.kill");
		return -errno;
	}
	close(fd);
	wait_gone(cr, kin, nr);
	return 0;
}
