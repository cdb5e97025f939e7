// SPDX-License-Identifier: GPL-2.0
/* What a process tells of itself, and how it comes to other credentials. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "equivalence.h"

/* ---- What there is to tell about ---- */

static int move_fd(int from, int to)
{
	int err = from < 0 || (from != to && dup2(from, to) < 0) ? -errno : 0;

	if (from >= 0 && from != to)
		close(from);
	return err;
}

/* One of each thing that cases change. In the image's process and in the children. */
int eq_things(void)
{
	int ends[2], fd, err;

	if (pipe(ends) < 0)
		return -errno;
	err = move_fd(ends[1], EQ_FD_PIPE_IN) ?: move_fd(ends[0], EQ_FD_PIPE) ?:
	      move_fd(open(EQ_FILE, O_RDONLY), EQ_FD_FILE) ?:
	      move_fd(memfd_create("equivalence", 0), EQ_FD_MEMFD);
	if (err)
		return err;
	fd = open(EQ_MAPPED_FILE, O_RDONLY);
	if (fd < 0 || mmap(EQ_MAP, 4096, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) !=
	    EQ_MAP)
		return -errno;
	close(fd);
	return 0;
}

/* ---- Telling ---- */

struct out {
	char *text;
	size_t len, size;
};

static void __attribute__((format(printf, 2, 3))) say(struct out *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	out->len += vsnprintf(out->text + out->len, out->size - out->len, fmt, args);
	va_end(args);
	if (out->len >= out->size)
		abort();
}

static void slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n < 0 ? 0 : n] = 0;
	close(fd);
}

static void tell_status(struct out *out)
{
	static const char *const names[] = {
		"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",
		"NoNewPrivs:", "VmLck:", "Seccomp:", "Seccomp_filters:", "Cpus_allowed:",
		"SigPnd:", "ShdPnd:",
	};
	char text[4096], *line, *rest = text;
	size_t i;

	slurp("/proc/self/status", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		for (i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (!strncmp(line, names[i], strlen(names[i])))
				say(out, "%s\n", line);
	say(out, "securebits %x keepcaps %d\n", prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS));
}

static void tell_limits(struct out *out)
{
	char oom[32], group[256];
	struct rlimit limit;
	int i;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		getrlimit(i, &limit);
		say(out, "limit %d %lx %lx\n", i, limit.rlim_cur, limit.rlim_max);
	}
	slurp("/proc/self/oom_score_adj", oom, sizeof(oom));
	slurp("/proc/self/cgroup", group, sizeof(group));
	say(out, "policy %d nice %d\noom_score_adj %scgroup %s", sched_getscheduler(0),
	    getpriority(PRIO_PROCESS, 0), oom, group);
}

static void tell_places(struct out *out)
{
	struct utsname uts;
	struct stat st;
	int i;

	uname(&uts);
	say(out, "names %s %s\n", uts.nodename, uts.domainname);
	for (i = 0; i < 2; i++) {
		stat(i ? "." : "/", &st);
		say(out, "place %lx:%lx\n", st.st_dev, st.st_ino);
	}
}

/* Of files without a name the number says nothing. */
static void tell_fd(struct out *out, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0)
		return;
	fstat(fd, &st);
	say(out, "fd %d flags %o mode %o rdev %lx", fd, flags, st.st_mode, st.st_rdev);
	if (S_ISFIFO(st.st_mode))
		say(out, " pipe of %d\n", fcntl(fd, F_GETPIPE_SZ));
	else
		say(out, " file %lx:%lx of %lx\n", st.st_dev, st.st_nlink ? st.st_ino : 0,
		    st.st_size);
}

static void tell_map(struct out *out)
{
	char name[32], text[16384], *line;

	slurp("/proc/self/maps", text, sizeof(text));
	snprintf(name, sizeof(name), "%lx-", (unsigned long)EQ_MAP);
	line = strstr(text, name);
	if (!line)
		return;
	say(out, "mapped %.4s, ", strchr(line, ' ') + 1);
	say(out, "to write: %s\n",
	    mprotect(EQ_MAP, 4096, PROT_READ | PROT_WRITE) ? strerror(errno) : "yes");
}

/* All that a caller may or may not do about itself, line by line. */
void eq_tell(char *text, size_t size)
{
	struct out out = { text, 0, size };
	int fd;

	tell_status(&out);
	tell_limits(&out);
	tell_places(&out);
	for (fd = 0; fd < 128; fd++)
		tell_fd(&out, fd);
	tell_map(&out);
	say(&out, "pid %d session %d group %d\n", getpid(), getsid(0), getpgid(0));
}

/* ---- Credentials ---- */

static const char *after(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : "";
}

static void own_groups(struct eq_cred *cred, const char *text)
{
	int nr = 0, n;

	while (sscanf(text, "%u%n", &cred->groups[nr], &n) == 1 && !memchr(text, '\n', n)) {
		text += n;
		nr++;
	}
	cred->c.nr_groups = nr;
}

void eq_own_cred(struct eq_cred *cred)
{
	struct ckpt_cred *c = &cred->c;
	char text[4096];

	memset(cred, 0, sizeof(*cred));
	slurp("/proc/self/status", text, sizeof(text));
	if (sscanf(after(text, "\nUid:"), "%u %u %u %u",
		   &c->uid, &c->euid, &c->suid, &c->fsuid) != 4 ||
	    sscanf(after(text, "\nGid:"), "%u %u %u %u",
		   &c->gid, &c->egid, &c->sgid, &c->fsgid) != 4)
		abort();
	own_groups(cred, after(text, "\nGroups:"));
	c->cap_inheritable = strtoull(after(text, "\nCapInh:"), NULL, 16);
	c->cap_permitted = strtoull(after(text, "\nCapPrm:"), NULL, 16);
	c->cap_effective = strtoull(after(text, "\nCapEff:"), NULL, 16);
	c->cap_bset = strtoull(after(text, "\nCapBnd:"), NULL, 16);
	c->cap_ambient = strtoull(after(text, "\nCapAmb:"), NULL, 16);
	c->securebits = prctl(PR_GET_SECUREBITS);
}

int eq_errno(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ effective, permitted, inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	return eq_errno(syscall(SYS_capset, &head, data));
}

/* All that is permitted, for the way. */
static int raise_caps(uint64_t inheritable)
{
	struct eq_cred now;

	eq_own_cred(&now);
	return set_caps(now.c.cap_permitted, now.c.cap_permitted, inheritable);
}

static int reach_groups(const struct eq_cred *now, const struct eq_cred *want)
{
	if (now->c.nr_groups != want->c.nr_groups ||
	    memcmp(now->groups, want->groups, 4 * want->c.nr_groups))
		return eq_errno(syscall(SYS_setgroups, want->c.nr_groups, want->groups));
	return 0;
}

static int reach_bset(uint64_t now, uint64_t want)
{
	int cap, err = want & ~now ? -EPERM : 0;

	for (cap = 0; !err && cap < 64; cap++)
		if (now & ~want & 1ULL << cap)
			err = eq_errno(prctl(PR_CAPBSET_DROP, cap));
	return err;
}

static int reach_gids(const struct ckpt_cred *now, const struct ckpt_cred *want)
{
	if ((now->gid != want->gid || now->egid != want->egid || now->sgid != want->sgid) &&
	    syscall(SYS_setresgid, want->gid, want->egid, want->sgid))
		return -errno;
	setfsgid(want->fsgid);
	return setfsgid(-1) == want->fsgid ? 0 : -EPERM;
}

/* Ways to keep capabilities over a change of user; one of them is enough. */
static void keep_caps(uint32_t securebits)
{
	if (prctl(PR_SET_KEEPCAPS, 1))
		prctl(PR_SET_SECUREBITS, securebits | SECBIT_NO_SETUID_FIXUP);
}

static int reach_uids(const struct ckpt_cred *now, const struct ckpt_cred *want)
{
	if (now->uid != want->uid || now->euid != want->euid || now->suid != want->suid) {
		keep_caps(now->securebits);
		if (syscall(SYS_setresuid, want->uid, want->euid, want->suid))
			return -errno;
		raise_caps(want->cap_inheritable);
	}
	setfsuid(want->fsuid);
	raise_caps(want->cap_inheritable);
	return setfsuid(-1) == want->fsuid ? 0 : -EPERM;
}

static int reach_ambient(const struct ckpt_cred *now, uint64_t want)
{
	int cap, err = 0;

	if (want & ~now->cap_ambient)
		prctl(PR_SET_SECUREBITS, now->securebits & ~SECBIT_NO_CAP_AMBIENT_RAISE);
	for (cap = 0; !err && cap < 64; cap++) {
		if (want & 1ULL << cap)
			err = eq_errno(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
		else if (now->cap_ambient & 1ULL << cap)
			err = eq_errno(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, cap, 0, 0));
	}
	return err;
}

static int reach_securebits(uint32_t want)
{
	uint32_t now = prctl(PR_GET_SECUREBITS);

	if ((now ^ want) & ~SECBIT_KEEP_CAPS)
		return eq_errno(prctl(PR_SET_SECUREBITS, want));
	if (now != want)
		return eq_errno(prctl(PR_SET_KEEPCAPS, !!(want & SECBIT_KEEP_CAPS)));
	return 0;
}

/*
 * Come to other credentials by ordinary calls, in an order in which none takes
 * what a later one needs.
 */
int eq_reach(const struct eq_cred *want)
{
	struct eq_cred now, after;
	int err;

	eq_own_cred(&now);
	raise_caps(now.c.cap_inheritable);
	err = reach_groups(&now, want) ?:
	      raise_caps(want->c.cap_inheritable) ?:
	      reach_bset(now.c.cap_bset, want->c.cap_bset) ?:
	      reach_gids(&now.c, &want->c) ?:
	      reach_uids(&now.c, &want->c) ?:
	      reach_ambient(&now.c, want->c.cap_ambient) ?:
	      reach_securebits(want->c.securebits) ?:
	      set_caps(want->c.cap_effective, want->c.cap_permitted, want->c.cap_inheritable);
	if (err)
		return err;
	eq_own_cred(&after);
	return memcmp(&after, want, sizeof(after)) ? -EPERM : 0;
}
