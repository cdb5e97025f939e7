// SPDX-License-Identifier: GPL-2.0
/* Counts of what the whole system holds, where user space can see it. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "residue.h"

#define KTHREAD		0x00200000	/* PF_KTHREAD among the flags in /proc/PID/stat */
#define NAMESPACES	4
#define CGROUPS		"/sys/fs/cgroup"

static struct residue_entry *find(const struct residue *set, const char *name)
{
	int i;

	for (i = 0; i < set->nr; i++)
		if (!strcmp(set->entry[i].name, name))
			return (struct residue_entry *)&set->entry[i];
	return NULL;
}

long long residue_count(const struct residue *set, const char *name)
{
	struct residue_entry *entry = find(set, name);

	return entry ? entry->count : 0;
}

struct residue_entry *residue_add(struct residue *now, const char *name, long long count)
{
	struct residue_entry *entry = find(now, name);

	if (!entry) {
		if (now->nr == RESIDUE_ENTRIES) {
			fprintf(stderr, "# residue: no room for %s\n", name);
			abort();
		}
		entry = &now->entry[now->nr++];
		snprintf(entry->name, sizeof(entry->name), "%s", name);
		*entry->detail = 0;
		entry->count = 0;
	}
	entry->count += count;
	return entry;
}

/* Calls @each for every line of a file; a file that is not there has none. */
static void each_line(struct residue *now, const char *path,
		      void (*each)(struct residue *now, char *line))
{
	size_t size = 0;
	char *line = NULL;
	FILE *f = fopen(path, "re");

	while (f && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		each(now, line);
	}
	free(line);
	if (f)
		fclose(f);
}

/* ---- Tasks ---- */

/* Threads of the kernel stay what they are, and there are many: asked once. */
static bool is_kthread[65536];

static void add_process(struct residue *now, int pid)
{
	char path[40], text[512], name[40], *comm, *end;
	struct residue_entry *entry;
	unsigned int flags;
	ssize_t len;
	int fd;

	if (pid < (int)sizeof(is_kthread) && is_kthread[pid])
		return;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return;
	text[len] = 0;
	comm = strchr(text, '(');
	end = strrchr(text, ')');
	if (!comm || !end || sscanf(end, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		return;
	if (!(flags & KTHREAD)) {
		snprintf(name, sizeof(name), "process %d", pid);
		entry = residue_add(now, name, 1);
		/* its name and its state */
		snprintf(entry->detail, sizeof(entry->detail), " %.*s", (int)(end + 3 - comm),
			 comm);
		residue_add(now, "processes", 1);
	} else if (pid < (int)sizeof(is_kthread)) {
		is_kthread[pid] = true;
	}
}

static void add_processes(struct residue *now)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir)))
		if (isdigit(*entry->d_name) && atoi(entry->d_name) != getpid())
			add_process(now, atoi(entry->d_name));
	if (dir)
		closedir(dir);
}

/* ---- Mounts, and inodes of those that are in memory ---- */

static void add_mount(struct residue *now, char *line)
{
	char device[20], point[48], type[16], name[80];
	char *rest = strstr(line, " - ");
	struct statvfs st;

	if (!rest || sscanf(line, "%*s %*s %19s %*s %47s", device, point) != 2 ||
	    sscanf(rest, " - %15s", type) != 1)
		return;
	residue_add(now, "mounts", 1);
	snprintf(name, sizeof(name), "mount of %s on %s", type, point);
	residue_add(now, name, 1);
	snprintf(name, sizeof(name), "inodes on the %s of device %s", type, device);
	if (!strcmp(type, "tmpfs") && !residue_count(now, name) && !statvfs(point, &st))
		residue_add(now, name, st.f_files - st.f_ffree);
}

/* ---- Namespaces ---- */

/*
 * All kinds draw their numbers from one store, the lowest that is free each
 * time. So the numbers that a few new ones get grow by what is left behind.
 */
static void add_namespaces(struct residue *now)
{
	int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC), i;
	int fd[NAMESPACES];
	struct stat st;
	ino_t last = 0;

	for (i = 0; i < NAMESPACES && !unshare(CLONE_NEWUTS); i++) {
		fd[i] = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
		if (!fstat(fd[i], &st) && st.st_ino > last)
			last = st.st_ino;
	}
	if (i && setns(own, CLONE_NEWUTS)) {
		perror("# residue: setns");
		abort();
	}
	close(own);
	residue_add(now, "namespaces", i == NAMESPACES ? (long long)last : 0);
	while (i--)
		close(fd[i]);
}

/* ---- Groups ---- */

bool residue_counts_removed;

static const char dying[] = "cgroups, removed but still there";

static void name_cgroups(struct residue *now)
{
	char name[80];
	struct dirent *entry;
	DIR *dir = opendir(CGROUPS);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "cgroup %.60s", entry->d_name);
		residue_add(now, name, 1);
	}
	if (dir)
		closedir(dir);
}

static void add_cgroups(struct residue *now, char *line)
{
	char subsystem[24], name[80];
	long long count;

	if (sscanf(line, "nr_descendants %lld", &count) == 1) {
		residue_add(now, "cgroups", count);
		if (count)
			name_cgroups(now);
	} else if (residue_counts_removed &&
		   sscanf(line, "nr_dying_descendants %lld", &count) == 1) {
		residue_add(now, dying, count);
	} else if (residue_counts_removed &&
		   sscanf(line, "nr_dying_subsys_%23s %lld", subsystem, &count) == 2) {
		snprintf(name, sizeof(name), "of them held by %s", subsystem);
		residue_add(now, name, count);
	}
}

/* ---- Objects with names of their own ---- */

static void add_shm(struct residue *now, char *line)
{
	residue_add(now, "SysV shared memory", 1);
}

static void add_sem(struct residue *now, char *line)
{
	residue_add(now, "SysV semaphores", 1);
}

static void add_msg(struct residue *now, char *line)
{
	residue_add(now, "SysV message queues", 1);
}

static void add_lock(struct residue *now, char *line)
{
	residue_add(now, "file locks", 1);
}

static void add_mqueues(struct residue *now)
{
	struct dirent *entry;
	DIR *dir = opendir("/dev/mqueue");

	while (dir && (entry = readdir(dir)))
		residue_add(now, "POSIX message queues", *entry->d_name != '.');
	if (dir)
		closedir(dir);
}

static void add_keys(struct residue *now, char *line)
{
	char name[80];
	int uid, keys;

	if (sscanf(line, "%d: %*d %d/", &uid, &keys) != 2)
		return;
	snprintf(name, sizeof(name), "keys of user %d", uid);
	residue_add(now, name, keys);
}

static void add_protocol(struct residue *now, char *line)
{
	char protocol[40], name[80];
	long long count;

	if (sscanf(line, "%39s %*u %lld", protocol, &count) != 2 || !count)
		return;
	snprintf(name, sizeof(name), "sockets, %s", protocol);
	residue_add(now, name, count);
}

static void add_sockets(struct residue *now, char *line)
{
	long long count;

	if (sscanf(line, "sockets: used %lld", &count) != 1)
		return;
	residue_add(now, "sockets", count);
	if (count)
		each_line(now, "/proc/net/protocols", add_protocol);
}

/* ---- What users are charged ---- */

static void add_signals(struct residue *now, char *line)
{
	char name[80];
	uid_t uid, euid, suid;
	long long count;

	if (sscanf(line, "SigQ: %lld", &count) != 1)
		return;
	getresuid(&uid, &euid, &suid);
	snprintf(name, sizeof(name), "signals and timers queued by user %d", uid);
	residue_add(now, name, count);
}

/* The real user is the one that is charged; this one can become itself again. */
static void add_user(struct residue *now, uid_t uid)
{
	if (syscall(SYS_setresuid, uid, -1, -1))
		return;
	each_line(now, "/proc/self/status", add_signals);
	if (syscall(SYS_setresuid, 0, -1, -1))
		abort();
}

/* ---- All of it ---- */

bool residue_counts_files = true;

void residue_take(struct residue *now)
{
	memset(now, 0, sizeof(*now));
	add_processes(now);
	each_line(now, "/proc/self/mountinfo", add_mount);
	each_line(now, CGROUPS "/cgroup.stat", add_cgroups);
	each_line(now, "/proc/sysvipc/shm", add_shm);
	each_line(now, "/proc/sysvipc/sem", add_sem);
	each_line(now, "/proc/sysvipc/msg", add_msg);
	add_mqueues(now);
	each_line(now, "/proc/locks", add_lock);
	each_line(now, "/proc/key-users", add_keys);
	each_line(now, "/proc/net/sockstat", add_sockets);
	if (!geteuid()) {
		add_user(now, 0);
		add_user(now, 1000);
		add_namespaces(now);
	}
	if (residue_counts_files)
		residue_add(now, "open files", residue_open_files());
}

bool residue_grew(const struct residue *before, const struct residue *now, residue_tell *tell)
{
	bool grew = false;
	long long was;
	int i;

	for (i = 0; i < now->nr; i++) {
		was = residue_count(before, now->entry[i].name);
		if (now->entry[i].count <= was)
			continue;
		grew = true;
		if (tell)
			tell(&now->entry[i], was);
	}
	return grew;
}

bool residue_has_kmemleak(void)
{
	return !access("/sys/kernel/debug/kmemleak", W_OK);
}

void residue_grace(void)
{
	/* without it the kernel has its time at least */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/*
 * What keeps a removed group in a kernel that is well: pages of files and of the
 * file system on a disk, charged to who read them first; and each processor's
 * reserve of charges, which is forgotten if it is just empty when the group goes,
 * until the reserve is another group's.
 */
static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	if (fd >= 0 && write(fd, "3", 1) != 1)
		perror("# residue: drop_caches");
	close(fd);
}

static void charge_on_each_cpu(const char *group)
{
	char path[64];
	cpu_set_t one;
	int fd, cpu;
	char *page;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			continue;
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page != MAP_FAILED)
			*page = 1;
	}
}

static void displace_reserves(void)
{
	static const char group[] = CGROUPS "/residue-reserve";
	pid_t pid;

	if (mkdir(group, 0755))
		return;
	pid = fork();
	if (!pid) {
		charge_on_each_cpu(group);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	while (rmdir(group) && errno == EBUSY)
		residue_grace();
}

/*
 * A group goes some grace periods after its directory, and nearly every test
 * makes one: this is waited for before all is counted.
 */
static bool are_dying(const struct residue *before, struct residue *now)
{
	memset(now, 0, sizeof(*now));
	each_line(now, CGROUPS "/cgroup.stat", add_cgroups);
	return residue_count(now, dying) > residue_count(before, dying);
}

bool residue_settle(const struct residue *before, struct residue *now, int patience)
{
	int round;

	for (round = 0; round < patience && are_dying(before, now); round++) {
		if (round % 64 == 16) {
			drop_caches();
			displace_reserves();
		}
		residue_grace();
	}
	for (;; round++) {
		residue_take(now);
		if (!residue_grew(before, now, NULL))
			return false;
		if (round >= patience)
			return true;
		residue_grace();
	}
}
