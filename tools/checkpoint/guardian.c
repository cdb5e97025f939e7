// SPDX-License-Identifier: GPL-2.0
/*
 * The guardian.
 *
 * Freezing a group or moving processes must not outlive a ckpt that dies in
 * the middle, be it by SIGKILL. So ckpt changes nothing itself: a child in a
 * session of its own does it on request, remembers how things were, and puts
 * them back when the pipe of requests ends without an order to keep them. It
 * also removes the half-written image.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guardian.h"

#define KILL_MS		10000

enum {
	OP_ENTER	= 'e',
	OP_FREEZE	= 'f',
	OP_KILL		= 'k',
	OP_KEEP		= 'p',
	OP_UNDO		= 'u',
};

struct reply {
	int status;
	bool moved;
	char path[PATH_MAX];
};

/* What the guardian guards. */
struct ward {
	struct moves moves;
	pid_t pid;
	bool froze;
	int image_dir;
	const char *image_tmp;
};

static int enter(struct ward *w, struct reply *reply)
{
	if (w->pid && moves_in(&w->moves, w->pid))
		return ST_FAILED;
	reply->moved = w->moves.cg.made;
	copy_path(reply->path, w->moves.cg.path);
	return ST_OK;
}

/* checkpoint(2) waits until they are frozen, and names those that are not. */
static int freeze_group(struct ward *w)
{
	const struct cgroup *cg = &w->moves.cg;
	struct pidset inside = { 0 };
	int state, self;

	if (cgroup_is_removed(cg->dir)) {
		say("group %s was removed", escape_str(cg->path));
		return ST_FAILED;
	}
	if (cgroup_pids(cg->dir, &inside, true)) {
		say("cannot read the processes of group %s: %s", escape_str(cg->path),
		    strerror(errno));
		pidset_free(&inside);
		return ST_FAILED;
	}
	self = pidset_has(&inside, getpid());
	pidset_free(&inside);
	if (self) {
		say("ckpt itself is in group %s; run it from another one", escape_str(cg->path));
		return ST_FAILED;
	}
	state = cgroup_freeze_state(cg->dir);
	if (state > 0)
		return ST_OK;
	/* before the write: a signal may hit between the two */
	w->froze = !state;
	if (!state && !cgroup_set_freeze(cg->dir, true))
		return ST_OK;
	say("cannot freeze group %s: %s; run as root", escape_str(cg->path), strerror(errno));
	return ST_FAILED;
}

static int kill_all(struct ward *w)
{
	struct cgroup *cg = &w->moves.cg;
	int err;

	if (cgroup_kill(cg->dir)) {
		say("the image is complete, but group %s cannot be killed: %s",
		    escape_str(cg->path), strerror(errno));
		return ST_FAILED;
	}
	w->froze = false;
	err = cgroup_wait_event(cg->dir, "populated", 0, KILL_MS) ? errno : 0;
	/* or whatever starts there next would not run */
	cgroup_set_freeze(cg->dir, false);
	/* whoever made the group may remove it as soon as it is empty */
	if (err && err != ENODEV && err != ENOENT) {
		say("the image is complete, but processes of %s do not die; look there",
		    escape_str(cg->path));
		return ST_FAILED;
	}
	cgroup_remove_made(cg);
	return ST_OK;
}

static int keep(struct ward *w)
{
	w->froze = false;
	w->moves.cg.made = 0;
	return ST_OK;
}

static int undo(struct ward *w)
{
	int status = ST_OK;

	if (w->froze && cgroup_set_freeze(w->moves.cg.dir, false)) {
		say("cannot thaw group %s: %s; write 0 to its cgroup.freeze",
		    escape_str(w->moves.cg.path), strerror(errno));
		status = ST_FAILED;
	}
	w->froze = false;
	if (moves_back(&w->moves))
		status = ST_FAILED;
	w->moves.cg.made = 0;
	return status;
}

static int serve(struct ward *w, char op, struct reply *reply)
{
	switch (op) {
	case OP_ENTER:
		return enter(w, reply);
	case OP_FREEZE:
		return freeze_group(w);
	case OP_KILL:
		return kill_all(w);
	case OP_KEEP:
		return keep(w);
	default:
		return undo(w);
	}
}

/* When memory runs out. */
static void undo_at_exit(int status, void *ward)
{
	(void)status;
	undo(ward);
}

static noreturn void guard(struct ward *w, int request, int answer)
{
	struct reply reply;
	char op;

	w->moves.asker = request;
	on_exit(undo_at_exit, w);
	while (read_full(request, &op, 1) == 1) {
		memset(&reply, 0, sizeof(reply));
		reply.status = serve(w, op, &reply);
		write_full(answer, &reply, sizeof(reply));
	}
	undo(w);
	/* by now it has its final name, unless ckpt died */
	if (w->image_tmp)
		unlinkat(w->image_dir, w->image_tmp, 0);
	_exit(0);
}

/* Out of reach of the terminal's signals, and without a hold on the image. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "ckpt-guardian");
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	} else {
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
	}
}

int guardian_start(struct guardian *g, struct target *target, int image_dir,
		   const char *image_tmp)
{
	struct ward w = {
		.moves.cg = target->cg,
		.pid = target->pid,
		.image_dir = image_dir,
		.image_tmp = image_tmp,
	};
	int request[2], answer[2];

	if (pipe2(request, O_CLOEXEC) || pipe2(answer, O_CLOEXEC)) {
		say("cannot make a pipe: %s", strerror(errno));
		return ST_FAILED;
	}
	g->pid = fork();
	if (g->pid < 0) {
		say("cannot fork: %s", strerror(errno));
		return ST_FAILED;
	}
	if (!g->pid) {
		close(request[1]);
		close(answer[0]);
		detach();
		guard(&w, request[0], answer[1]);
	}
	close(request[0]);
	close(answer[1]);
	g->request = request[1];
	g->reply = answer[0];
	/* should the guardian be killed, we want an error, not a signal */
	signal(SIGPIPE, SIG_IGN);
	return ST_OK;
}

static int ask(struct guardian *g, char op, struct reply *reply)
{
	if (write_full(g->request, &op, 1) ||
	    read_full(g->reply, reply, sizeof(*reply)) != sizeof(*reply)) {
		say("the guardian process died; look whether the group is frozen or moved");
		return ST_FAILED;
	}
	return reply->status;
}

int guardian_enter(struct guardian *g, struct target *target)
{
	struct reply reply;
	int status;

	if (!target->pid)
		return ST_OK;
	status = ask(g, OP_ENTER, &reply);
	if (status)
		return status;
	target->moved = reply.moved;
	if (!cgroup_open_path(&target->cg, reply.path))
		return ST_OK;
	say("cannot open group %s: %s", escape_str(reply.path), strerror(errno));
	return ST_FAILED;
}

int guardian_freeze(struct guardian *g)
{
	struct reply reply;

	return ask(g, OP_FREEZE, &reply);
}

int guardian_kill(struct guardian *g)
{
	struct reply reply;

	return ask(g, OP_KILL, &reply);
}

int guardian_keep(struct guardian *g)
{
	struct reply reply;

	return ask(g, OP_KEEP, &reply);
}

int guardian_undo(struct guardian *g)
{
	struct reply reply;

	return ask(g, OP_UNDO, &reply);
}

/* Whatever was not kept is undone by now. */
void guardian_stop(struct guardian *g)
{
	close(g->request);
	close(g->reply);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
