// SPDX-License-Identifier: GPL-2.0
/* Images of restarted programs, targets that run on, ways to carry an image. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(generation);

CR_PROGRAM(counter)
{
	pid_t pid = getpid();
	int stations = 0;

	/* each "go" is one station further; its number is the exit code */
	while (stations < atoi(arg)) {
		cr_ready();
		CR_EQ(pid, getpid());
		stations++;
	}
	_exit(0);
}

TEST_F(generation, restarts_a_sleeping_process)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "counter", "1"));
}

TEST_F(generation, restarts_what_was_restarted)
{
	EXPECT_EQ(0, cr_round_trips(&self->cr, "counter", "1", 2));
}

TEST_F(generation, three_generations_go_on_in_turn)
{
	int i;

	ASSERT_EQ(0, cr_start_ready(&self->cr, "counter", "3"));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, cr_wait_for(&self->cr, "ready"));
		ASSERT_EQ(0, cr_move(&self->cr));
		cr_go(&self->cr);
	}
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_F(generation, target_runs_on_after_checkpoint)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "counter", "2"));
	ASSERT_EQ(0, cr_checkpoint(&self->cr));
	cr_go(&self->cr);
	ASSERT_EQ(0, cr_wait_for(&self->cr, "ready"));
	ASSERT_EQ(0, cr_checkpoint(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_F(generation, an_image_restarts_more_than_once)
{
	int i;

	ASSERT_EQ(0, cr_start_ready(&self->cr, "counter", "1"));
	ASSERT_EQ(0, cr_stop(&self->cr));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, cr_restart(&self->cr));
		cr_go(&self->cr);
		EXPECT_EQ(0, cr_wait_exit(&self->cr));
	}
}

TEST_F(generation, check_starts_nothing)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "counter", "1"));
	ASSERT_EQ(0, cr_stop(&self->cr));
	self->cr.restart_flags = RESTART_CHECK;
	EXPECT_EQ(0, cr_restart(&self->cr));
	EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG));
	EXPECT_EQ(ECHILD, errno);
	self->cr.restart_flags = 0;
	ASSERT_EQ(0, cr_restart(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_F(generation, frozen_restart_runs_when_thawed)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "counter", "1"));
	ASSERT_EQ(0, cr_stop(cr));
	cr->restart_flags = RESTART_FROZEN;
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	cr_until(cr_has_event(cr, "frozen 1"));
	EXPECT_EQ(0, waitpid(cr->pid, NULL, WNOHANG));
	EXPECT_EQ(0, cr_freeze(cr, 0));
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(generation, frozen_restart_can_be_checkpointed)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "counter", "1"));
	ASSERT_EQ(0, cr_stop(cr));
	cr->restart_flags = RESTART_FROZEN;
	ASSERT_EQ(0, cr_restart(cr));
	ASSERT_EQ(0, cr_stop(cr));
	cr->restart_flags = 0;
	EXPECT_EQ(0, cr_freeze(cr, 0));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

struct writer {
	struct cr *cr;
	int fd, err;
};

static void *write_image(void *arg)
{
	struct writer *writer = arg;

	writer->err = cr_checkpoint_fd(writer->cr, writer->fd);
	close(writer->fd);
	return NULL;
}

/* One call writes into @out while the other reads the first copy from @in. */
static int carry(struct cr *cr, int in, int out)
{
	struct writer writer = { .cr = cr, .fd = out };
	static char buf[1 << 16];
	pthread_t thread;
	ssize_t len;
	int fd;

	/* the target must be dead before its copy starts, so the bytes wait */
	fd = open(cr->image, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || pthread_create(&thread, NULL, write_image, &writer))
		return -errno;
	while ((len = read(in, buf, sizeof(buf))) > 0)
		if (write(fd, buf, len) != len)
			return -EIO;
	pthread_join(thread, NULL);
	close(in);
	close(fd);
	return writer.err;
}

static void *send_image(void *arg)
{
	struct writer *writer = arg;
	static char buf[1 << 16];
	ssize_t len;
	int fd = open(writer->cr->image, O_RDONLY);

	while ((len = read(fd, buf, sizeof(buf))) > 0)
		if (write(writer->fd, buf, len) != len)
			writer->err = -errno;
	if (write(writer->fd, "behind", 6) != 6)
		writer->err = -errno;
	close(fd);
	close(writer->fd);
	return NULL;
}

/* Restart from @in what is fed into @out; no byte behind it may be taken. */
static int feed(struct cr *cr, int in, int out)
{
	struct writer writer = { .cr = cr, .fd = out };
	char rest[16] = "";
	pthread_t thread;
	int err;

	signal(SIGPIPE, SIG_IGN);
	if (pthread_create(&thread, NULL, send_image, &writer))
		return -errno;
	err = cr_restart_fd(cr, in);
	if (!err && (read(in, rest, sizeof(rest)) != 6 || strcmp(rest, "behind")))
		err = -EBADMSG;
	close(in);
	pthread_join(thread, NULL);
	return err ?: writer.err;
}

TEST_F(generation, image_goes_through_pipes)
{
	int fds[2];

	ASSERT_EQ(0, cr_start_ready(&self->cr, "counter", "1"));
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, carry(&self->cr, fds[0], fds[1]));
	ASSERT_EQ(0, cr_kill(&self->cr));
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, feed(&self->cr, fds[0], fds[1]));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_F(generation, image_goes_through_unix_sockets)
{
	int fds[2];

	ASSERT_EQ(0, cr_start_ready(&self->cr, "counter", "1"));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	ASSERT_EQ(0, carry(&self->cr, fds[0], fds[1]));
	ASSERT_EQ(0, cr_kill(&self->cr));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	ASSERT_EQ(0, feed(&self->cr, fds[0], fds[1]));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_F(generation, image_starts_at_the_position_of_its_file)
{
	struct cr *cr = &self->cr;
	int fd = open(cr->image, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ASSERT_EQ(0, cr_start_ready(cr, "counter", "1"));
	ASSERT_EQ(5, write(fd, "12345", 5));
	ASSERT_EQ(0, cr_checkpoint_fd(cr, fd));
	EXPECT_EQ(5 + cr->result.bytes, lseek(fd, 0, SEEK_CUR));
	ASSERT_EQ(0, cr_kill(cr));
	lseek(fd, 5, SEEK_SET);
	ASSERT_EQ(0, cr_restart_fd(cr, fd));
	EXPECT_EQ(5 + cr->result.bytes, lseek(fd, 0, SEEK_CUR));
	close(fd);
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_HARNESS_MAIN
