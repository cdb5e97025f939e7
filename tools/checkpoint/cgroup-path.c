// SPDX-License-Identifier: GPL-2.0
/*
 * Where groups are: names to paths, making and removing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"

/* The cgroup v2 mount: where it is, and which group its root shows. */
struct mount {
	char point[PATH_MAX];
	char root[PATH_MAX];
};

/* mountinfo writes blanks and backslashes in octal. */
static void unescape_octal(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = 0;
}

static bool is_cgroup2(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static bool parse_mount(char *line, struct mount *mnt)
{
	char *type = strstr(line, " - ");
	char root[PATH_MAX], point[PATH_MAX];

	if (!type || strncmp(type, " - cgroup2 ", 11))
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2)
		return false;
	unescape_octal(root);
	unescape_octal(point);
	copy_path(mnt->root, root);
	copy_path(mnt->point, point);
	return true;
}

static int find_mount(struct mount *mnt)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found = false, whole = false;
	struct mount one;
	char *line = NULL;
	size_t size = 0;

	if (!f) {
		say("cannot read /proc/self/mountinfo: %s; mount /proc", strerror(errno));
		return -1;
	}
	/* the first one, unless another one shows more than a part of the tree */
	while (!whole && getline(&line, &size, f) >= 0) {
		if (!parse_mount(line, &one))
			continue;
		whole = !strcmp(one.root, "/");
		if (whole || !found)
			*mnt = one;
		found = true;
	}
	free(line);
	fclose(f);
	if (!found) {
		say("no cgroup v2 is mounted; mount -t cgroup2 none /sys/fs/cgroup");
		return -1;
	}
	return 0;
}

/*
 * The group of a process as /proc shows it, relative to our cgroup namespace.
 * Returns 1 and prints nothing if there is no such process (any more).
 */
static int group_of(pid_t pid, char path[PATH_MAX])
{
	bool found = false;
	char *line = NULL;
	size_t size = 0;
	char name[64];
	FILE *f;

	/* our own pid may be another one in a /proc of another namespace */
	if (pid == getpid())
		snprintf(name, sizeof(name), "/proc/self/cgroup");
	else
		snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	f = fopen(name, "re");
	if (!f) {
		if (errno == ENOENT || errno == ESRCH)
			return 1;
		say("cannot read %s: %s", name, strerror(errno));
		return -1;
	}
	while (!found && getline(&line, &size, f) >= 0) {
		line[strcspn(line, "\n")] = 0;
		found = !strncmp(line, "0::/", 4) && strlen(line + 3) < PATH_MAX;
		if (found)
			copy_path(path, line + 3);
	}
	free(line);
	if (ferror(f) && errno == ESRCH) {
		fclose(f);
		return 1;
	}
	fclose(f);
	if (!found)
		say("process %d is in no cgroup v2 group; ckpt needs cgroup v2", pid);
	return found ? 0 : -1;
}

static int join(char out[PATH_MAX], const char *a, const char *b)
{
	while (*b == '/')
		b++;
	if (snprintf(out, PATH_MAX, "%s%s%s", a, *b ? "/" : "", b) >= PATH_MAX) {
		say("cgroup path too long: %s...", escape(b, 100));
		return -1;
	}
	return 0;
}

/* Prints nothing: not every caller minds a group outside the mount. */
static int below_mount(const struct mount *mnt, const char *group, char path[PATH_MAX])
{
	size_t len = strcmp(mnt->root, "/") ? strlen(mnt->root) : 0;

	if (strncmp(group, mnt->root, len) || (group[len] && group[len] != '/') ||
	    !strncmp(group, "/..", 3))
		return -1;
	return join(path, mnt->point, group + len);
}

/* Path of the directory of a process's group; 1 if there is no such process. */
int cgroup_path_of(pid_t pid, char path[PATH_MAX])
{
	char group[PATH_MAX];
	struct mount mnt;
	int err;

	if (find_mount(&mnt))
		return -1;
	err = group_of(pid, group);
	if (err)
		return err;
	if (!below_mount(&mnt, group, path))
		return 0;
	say("group %s lies outside the cgroup v2 mount at %s", escape_str(group),
	    escape_str(mnt.point));
	return -1;
}

int cgroup_root_path(char path[PATH_MAX])
{
	struct mount mnt;

	if (find_mount(&mnt))
		return -1;
	copy_path(path, mnt.point);
	return 0;
}

static int check_name(const char *name)
{
	const char *p = name;
	size_t len;

	while (*p) {
		len = strcspn(p, "/");
		if (!len || len > NAME_MAX || (len == 1 && p[0] == '.') ||
		    (len == 2 && !strncmp(p, "..", 2)))
			break;
		p += len;
		if (*p == '/')
			p++;
	}
	if (*name && !*p)
		return 0;
	say("not a cgroup name: '%s'; use one like ckpt-1 or jobs/ckpt-1", escape_str(name));
	return -1;
}

int cgroup_open_path(struct cgroup *cg, const char *path)
{
	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	cg->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cg->dir < 0)
		return -1;
	if (!is_cgroup2(cg->dir)) {
		close(cg->dir);
		cg->dir = -1;
		errno = ENOTDIR;
		return -1;
	}
	if (path != cg->path)
		copy_path(cg->path, path);
	return 0;
}

/* Names are looked for below the mount's root, then below our own group. */
static int base_paths(char base[2][PATH_MAX])
{
	char group[PATH_MAX];
	struct mount mnt;

	if (find_mount(&mnt) || group_of(getpid(), group))
		return -1;
	copy_path(base[0], mnt.point);
	/* a caller outside of its own mount can still use the mount */
	if (below_mount(&mnt, group, base[1]))
		base[1][0] = 0;
	if (!strcmp(base[0], base[1]))
		base[1][0] = 0;
	return 0;
}

static int open_below(struct cgroup *cg, char base[2][PATH_MAX], const char *name)
{
	int i;

	for (i = 0; i < 2 && base[i][0]; i++) {
		if (join(cg->path, base[i], name))
			return -1;
		if (!cgroup_open_path(cg, cg->path))
			return 0;
	}
	return 1;
}

int cgroup_open(struct cgroup *cg, const char *name)
{
	char base[2][PATH_MAX];

	cg->made = 0;
	if (name[0] == '/') {
		if (!cgroup_open_path(cg, name))
			return 0;
		if (errno == ENOTDIR)
			say("%s is not a directory of cgroup v2", escape_str(name));
		else
			say("cannot open group %s: %s", escape_str(name), strerror(errno));
		return -1;
	}
	if (check_name(name) || base_paths(base))
		return -1;
	switch (open_below(cg, base, name)) {
	case 0:
		return 0;
	case 1:
		say("no cgroup %s below %s: %s", escape_str(name), escape_str(base[0]),
		    strerror(errno));
	}
	return -1;
}

/* Makes each missing component and counts those that were made. */
static int make_below(struct cgroup *cg, const char *base, const char *name)
{
	size_t made_len = 0;
	const char *p = name;
	int err = 0;

	cg->made = 0;
	while (*p && !err) {
		p += strcspn(p, "/");
		if (snprintf(cg->path, PATH_MAX, "%s/%.*s", base, (int)(p - name),
			     name) >= PATH_MAX) {
			err = ENAMETOOLONG;
		} else if (!mkdir(cg->path, 0755)) {
			cg->made++;
			made_len = strlen(cg->path);
		} else if (errno != EEXIST || cg->made) {
			err = errno;
		}
		if (*p)
			p++;
	}
	if (!err && cgroup_open_path(cg, cg->path))
		err = errno;
	if (err) {
		/* without the one that could not be made */
		cg->path[made_len] = 0;
		cgroup_remove_made(cg);
	}
	errno = err;
	return err ? -1 : 0;
}

int cgroup_make(struct cgroup *cg, const char *name)
{
	char base[2][PATH_MAX];
	size_t len;
	int err;

	if (base_paths(base))
		return -1;
	len = strlen(base[0]);
	if (name[0] == '/') {
		if (strncmp(name, base[0], len) || name[len] != '/') {
			say("%s is not below the cgroup v2 mount at %s",
			    escape_str(name), escape_str(base[0]));
			return -1;
		}
		name += len + 1;
		base[1][0] = 0;
	}
	if (check_name(name))
		return -1;
	err = open_below(cg, base, name);
	if (err <= 0) {
		cg->made = 0;
		return err;
	}
	if (!make_below(cg, base[0], name))
		return 0;
	if (base[1][0] && (errno == EACCES || errno == EPERM || errno == EROFS) &&
	    !make_below(cg, base[1], name))
		return 0;
	say("cannot make group %s below %s: %s; %s", escape_str(name), escape_str(base[0]),
	    strerror(errno), errno == EACCES || errno == EPERM ?
	    "run as root, or in a group that is delegated to you" :
	    "give another --cgroup");
	return -1;
}

/*
 * A group of our own by the name of ckpt-PID; in another pid namespace
 * somebody may have the same pid.
 */
int cgroup_make_default(struct cgroup *cg)
{
	char base[2][PATH_MAX], name[48];
	int i;

	if (base_paths(base))
		return -1;
	for (i = 1; i < 1000; i++) {
		snprintf(name, sizeof(name), i == 1 ? "ckpt-%d" : "ckpt-%d-%d", getpid(), i);
		if (open_below(cg, base, name))
			break;
		cgroup_close(cg);
	}
	return cgroup_make(cg, name);
}

/*
 * Removes what we made, if nobody is in it. Tasks that are dying count until
 * they are gone, and look like those that stay: hence half a second of tries.
 */
void cgroup_remove_made(struct cgroup *cg)
{
	int tries = 50;

	while (cg->made) {
		if (!rmdir(cg->path) || errno == ENOENT) {
			*strrchr(cg->path, '/') = 0;
			cg->made--;
		} else if (errno == EBUSY && --tries) {
			sleep_ms(10);
		} else {
			return;
		}
	}
}

void cgroup_close(struct cgroup *cg)
{
	if (cg->dir >= 0)
		close(cg->dir);
	cg->dir = -1;
}
