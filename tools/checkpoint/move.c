// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a tree of processes into a group of its own, and back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardian.h"
#include "sys.h"

#define MOVE_MS		10000
#define BACK_MS		15000

static int find_origin(struct moves *m, const char *path)
{
	struct origin *o;
	size_t i;

	for (i = 0; i < m->nr_origins; i++)
		if (!strcmp(m->origins[i].path, path))
			return i;
	m->origins = xrealloc(m->origins, m->nr_origins + 1, sizeof(*o));
	o = &m->origins[m->nr_origins];
	copy_path(o->path, path);
	o->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir < 0) {
		say("cannot open group %s: %s", escape_str(path), strerror(errno));
		return -1;
	}
	return m->nr_origins++;
}

#define GONE	(-2)

/* Returns its index, or GONE when the process died meanwhile. */
static int add_origin_of(struct moves *m, pid_t pid)
{
	char path[PATH_MAX];
	int err = cgroup_path_of(pid, path);

	if (err)
		return err > 0 ? GONE : -1;
	return find_origin(m, path);
}

static int is_frozen(int dir)
{
	return cgroup_freeze_state(dir) == 1 || !cgroup_wait_event(dir, "frozen", 1, 0);
}

/*
 * A frozen process thaws when it is moved into a running group: the new group
 * has to be what the old one was.
 */
static int match_freeze(struct moves *m)
{
	size_t i, frozen = 0;

	for (i = 0; i < m->nr_origins; i++)
		frozen += is_frozen(m->origins[i].dir);
	if (!frozen)
		return 0;
	if (frozen != m->nr_origins) {
		say("the tree is spread over frozen and running groups; thaw them or use -c");
		return -1;
	}
	if (cgroup_set_freeze(m->cg.dir, true)) {
		say("cannot freeze group %s: %s", escape_str(m->cg.path), strerror(errno));
		return -1;
	}
	return 0;
}

static int make_sibling(struct moves *m, const char *group, pid_t pid)
{
	char base[PATH_MAX], root[PATH_MAX];
	int i;

	if (cgroup_root_path(root))
		return -1;
	copy_path(base, group);
	if (strcmp(group, root))
		*strrchr(base, '/') = 0;
	for (i = 1; i < 100; i++) {
		if (snprintf(m->cg.path, PATH_MAX, i == 1 ? "%s/ckpt-p%d" : "%s/ckpt-p%d-%d",
			     base, pid, i) >= PATH_MAX) {
			errno = ENAMETOOLONG;
			break;
		}
		if (!mkdir(m->cg.path, 0755)) {
			m->cg.made = 1;
			if (!cgroup_open_path(&m->cg, m->cg.path))
				return 0;
			break;
		}
		if (errno != EEXIST)
			break;
	}
	say("cannot make a group for process %d below %s: %s; run as root, or use -c",
	    pid, escape_str(base), strerror(errno));
	return -1;
}

/* Returns 1, or 0 for a process that died meanwhile: born inside, as a rule. */
static int move_one(struct moves *m, pid_t pid)
{
	int origin = add_origin_of(m, pid);

	if (origin < 0)
		return origin == GONE ? 0 : -1;
	m->pids = xrealloc(m->pids, m->nr_pids + 1, sizeof(*m->pids));
	m->pids[m->nr_pids++] = (struct moved){ pid, origin };
	if (!cgroup_move(m->cg.dir, pid))
		return 1;
	if (errno == ESRCH)
		return 0;
	if (errno == EBUSY)
		say("cannot move process %d: its group is held by a checkpoint; try again", pid);
	else
		say("cannot move process %d into %s: %s; run as root, or use -c", pid,
		    escape_str(m->cg.path), strerror(errno));
	return -1;
}

/* Moves what is outside; returns how many. */
static int move_missing(struct moves *m, const struct pidset *tree)
{
	struct pidset inside = { 0 };
	int moved = 0, one = 0;
	size_t i;

	if (cgroup_pids(m->cg.dir, &inside, false)) {
		say("cannot read the processes of %s: %s", escape_str(m->cg.path),
		    strerror(errno));
		return -1;
	}
	for (i = 0; i < tree->nr && one >= 0; i++) {
		if (pidset_has(&inside, tree->v[i]))
			continue;
		one = move_one(m, tree->v[i]);
		moved += one;
	}
	pidset_free(&inside);
	return one < 0 ? -1 : moved;
}

/* Is a process in a group or below it? Those that are gone do no harm. */
static bool is_below(pid_t pid, const char *group)
{
	size_t len = strlen(group);
	char path[PATH_MAX];

	switch (cgroup_path_of(pid, path)) {
	case 0:
		return !strncmp(path, group, len) && (!path[len] || path[len] == '/');
	case 1:
		return true;
	}
	return false;
}

static bool is_gone(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return access(path, F_OK);
}

/*
 * Somebody in a group who is not of the tree, 0 if there is nobody. Processes
 * come and go meanwhile, so each one that makes a difference is looked at once
 * more.
 */
static pid_t stranger_in(const struct pidset *members, const struct pidset *tree, pid_t root)
{
	size_t i;

	for (i = 0; i < members->nr; i++)
		if (!pidset_has(tree, members->v[i]) &&
		    !proc_is_ancestor(root, members->v[i]) && !is_gone(members->v[i]))
			return members->v[i];
	return 0;
}

/* Does a group hold a tree and nobody else? */
static bool group_is_tree(const struct origin *group, const struct pidset *tree, pid_t root)
{
	struct pidset members = { 0 };
	bool same = !cgroup_pids(group->dir, &members, true) &&
		    !stranger_in(&members, tree, root);
	size_t i;

	for (i = 0; i < tree->nr && same; i++)
		same = pidset_has(&members, tree->v[i]) || is_below(tree->v[i], group->path);
	pidset_free(&members);
	return same;
}

/* Its pid may be another process's by now, with a tree of its own. */
static int check_root(const struct moves *m, pid_t pid)
{
	struct pollfd p = { .fd = m->root, .events = POLLIN };

	if (!poll(&p, 1, 0))
		return 0;
	say("process %d died meanwhile", pid);
	return -1;
}

static bool is_abandoned(const struct moves *m)
{
	struct pollfd p = { .fd = m->asker };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

static int move_once(struct moves *m, struct pidset *tree, pid_t pid, uint64_t end)
{
	if (is_abandoned(m))
		return -1;
	if (now_ms() > end) {
		say("the tree of process %d grows faster than it can be moved; use -c", pid);
		return -1;
	}
	if (proc_tree(pid, tree)) {
		say("cannot read /proc: %s", strerror(errno));
		return -1;
	}
	return check_root(m, pid) ? -1 : move_missing(m, tree);
}

/* A pid that was moved may have been another process's by then. */
static int check_moved(const struct moves *m, const struct pidset *tree, pid_t pid)
{
	struct pidset members = { 0 };
	pid_t other;

	if (cgroup_pids(m->cg.dir, &members, false)) {
		say("cannot read the processes of %s: %s", escape_str(m->cg.path),
		    strerror(errno));
		return -1;
	}
	other = stranger_in(&members, tree, pid);
	pidset_free(&members);
	if (!other)
		return 0;
	say("process %d came into %s and is no descendant of %d; try again", other,
	    escape_str(m->cg.path), pid);
	return -1;
}

/*
 * Processes fork meanwhile. When nobody had to be moved, all that were there
 * when that scan began were inside, and so are their children.
 */
static int move_tree(struct moves *m, pid_t pid)
{
	uint64_t end = now_ms() + MOVE_MS;
	struct pidset tree = { 0 };
	int moved, err;

	do {
		moved = move_once(m, &tree, pid, end);
	} while (moved > 0);
	err = moved < 0 || check_moved(m, &tree, pid);
	pidset_free(&tree);
	return err ? -1 : 0;
}

static int pin_root(struct moves *m, pid_t pid)
{
	m->root = sys_pidfd_open(pid);
	if (m->root >= 0)
		return 0;
	if (errno == ESRCH)
		say("no process %d", pid);
	else
		say("cannot open process %d: %s", pid, strerror(errno));
	return -1;
}

/*
 * Finds or makes the group that holds a process and its descendants and nobody
 * else. On failure moves_back() cleans up.
 */
int moves_in(struct moves *m, pid_t pid)
{
	char group[PATH_MAX], root[PATH_MAX];
	struct pidset tree = { 0 };
	bool has_own;
	size_t i;
	int err;

	if (!proc_is_ours()) {
		say("/proc is another pid namespace's; mount one here, or use -c");
		return -1;
	}
	if (proc_is_ancestor(pid, getpid())) {
		say("ckpt itself descends from process %d; run it from elsewhere", pid);
		return -1;
	}
	if (pin_root(m, pid))
		return -1;
	err = cgroup_path_of(pid, group);
	if (err > 0)
		say("process %d died meanwhile", pid);
	if (err || cgroup_root_path(root) || find_origin(m, group) < 0)
		return -1;
	if (proc_tree(pid, &tree) || !pidset_has(&tree, pid)) {
		say("process %d does not live", pid);
		pidset_free(&tree);
		return -1;
	}
	has_own = strcmp(group, root) && group_is_tree(&m->origins[0], &tree, pid);
	for (i = 0; i < tree.nr && !has_own; i++)
		add_origin_of(m, tree.v[i]);
	pidset_free(&tree);
	if (check_root(m, pid))
		return -1;
	if (has_own) {
		if (!cgroup_open_path(&m->cg, group))
			return 0;
		say("cannot open group %s: %s", escape_str(group), strerror(errno));
		return -1;
	}
	if (make_sibling(m, group, pid) || match_freeze(m))
		return -1;
	return move_tree(m, pid);
}

/* Those that were born meanwhile go where their parent came from. */
static size_t origin_for(const struct moves *m, pid_t pid)
{
	int depth;
	size_t i;

	for (depth = 0; pid > 0 && depth < 100; depth++) {
		for (i = 0; i < m->nr_pids; i++)
			if (m->pids[i].pid == pid)
				return m->pids[i].origin;
		pid = proc_parent(pid);
	}
	return 0;
}

static int move_home(const struct moves *m, pid_t pid)
{
	const struct origin *o = &m->origins[origin_for(m, pid)];

	if (!cgroup_move(o->dir, pid) || errno == ESRCH)
		return 0;
	/* its group was removed once it was empty */
	if (errno != ENODEV)
		return -1;
	return cgroup_move(m->origins[0].dir, pid);
}

/*
 * A hold gives EBUSY for as long as it lasts: that of our own call while it is
 * on its way out, another one's for however long that takes.
 */
int moves_back(struct moves *m)
{
	uint64_t end = now_ms() + BACK_MS;
	struct pidset inside = { 0 };
	int err = 0;
	size_t i;

	if (!m->cg.made)
		return 0;
	for (;;) {
		if (m->cg.dir < 0)
			break;
		err = cgroup_pids(m->cg.dir, &inside, false) ? errno : 0;
		if (err || !inside.nr)
			break;
		for (i = 0; i < inside.nr; i++)
			if (move_home(m, inside.v[i]))
				err = errno;
		if (err && err != EBUSY && now_ms() > end)
			break;
		if (err)
			sleep_ms(10);
	}
	if (err == ENODEV || err == ENOENT)
		err = 0;	/* killed, and removed by somebody else */
	if (err)
		say("cannot move the processes of %s back to %s: %s; move them by hand",
		    escape_str(m->cg.path), escape_str(m->origins[0].path), strerror(err));
	pidset_free(&inside);
	cgroup_remove_made(&m->cg);
	return err ? -1 : 0;
}
