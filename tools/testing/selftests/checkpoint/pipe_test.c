// SPDX-License-Identifier: GPL-2.0
/* Pipes of the group: what is queued, how large they are, who holds the ends. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(pipe);

static int queued(int fd)
{
	int nr = -1;

	CR_EQ(0, ioctl(fd, FIONREAD, &nr));
	return nr;
}

CR_TEST(pipe, keeps_a_few_bytes)
{
	char text[16] = "";
	int fds[2];

	CR_EQ(0, pipe(fds));
	CR_EQ(5, write(fds[1], "hello", 5));
	CR_EQ(6, write(fds[1], " world", 6));
	cr_ready();
	CR_EQ(11, queued(fds[0]));
	CR_EQ(11, read(fds[0], text, 16));
	CR_CHECK(!strcmp(text, "hello world"));
	CR_EQ(3, write(fds[1], "new", 3));
	CR_EQ(3, read(fds[0], text, 16));
}

CR_TEST(pipe, keeps_partly_read_pages)
{
	static char in[20000], out[20000];
	int fds[2], i;

	CR_EQ(0, pipe(fds));
	cr_fill(in, sizeof(in), 1);
	for (i = 0; i < 20000; i += 2500)
		CR_EQ(2500, write(fds[1], in + i, 2500));
	CR_EQ(3001, read(fds[0], out, 3001));
	cr_ready();
	CR_EQ(16999, queued(fds[0]));
	CR_EQ(16999, read(fds[0], out + 3001, 16999));
	CR_CHECK(!memcmp(in, out, sizeof(in)));
}

CR_TEST(pipe, keeps_a_full_one)
{
	static char in[65536], out[65536];
	int fds[2];

	CR_EQ(0, pipe2(fds, O_NONBLOCK));
	cr_fill(in, sizeof(in), 2);
	CR_EQ(65536, write(fds[1], in, sizeof(in)));
	cr_ready();
	CR_EQ(-1, write(fds[1], "x", 1));
	CR_EQ(EAGAIN, errno);
	CR_EQ(65536, read(fds[0], out, sizeof(out)));
	CR_CHECK(!memcmp(in, out, sizeof(in)));
	CR_EQ(-1, read(fds[0], out, 1));
	CR_EQ(EAGAIN, errno);
}

CR_TEST(pipe, keeps_sizes_and_flags)
{
	static const int sizes[] = { 4096, 8192, 65536, 1 << 20 };
	static char big[1 << 20];
	int fds[4][2], i;

	for (i = 0; i < 4; i++) {
		CR_EQ(0, pipe2(fds[i], i & 1 ? O_CLOEXEC : 0));
		CR_EQ(sizes[i], fcntl(fds[i][0], F_SETPIPE_SZ, sizes[i]));
		fcntl(fds[i][i & 1], F_SETFL, O_NONBLOCK);
	}
	cr_fill(big, sizeof(big), 3);
	CR_EQ(1 << 20, write(fds[3][1], big, 1 << 20));
	cr_ready();
	for (i = 0; i < 4; i++) {
		CR_EQ(sizes[i], fcntl(fds[i][1], F_GETPIPE_SZ));
		CR_EQ(i & 1 ? FD_CLOEXEC : 0, fcntl(fds[i][0], F_GETFD));
		CR_EQ(O_NONBLOCK, fcntl(fds[i][i & 1], F_GETFL) & O_NONBLOCK);
		CR_EQ(0, fcntl(fds[i][!(i & 1)], F_GETFL) & O_NONBLOCK);
	}
	memset(big, 0, sizeof(big));
	CR_EQ(1 << 20, read(fds[3][0], big, 1 << 20));
	CR_CHECK(cr_filled(big, sizeof(big), 3));
}

/* make(1) sets O_APPEND of its standard output, whatever that is, and leaves it so. */
CR_TEST(pipe, keeps_flags_that_mean_nothing_to_it)
{
	int fds[2];
	char byte;

	CR_EQ(0, pipe(fds));
	CR_EQ(0, fcntl(fds[0], F_SETFL, O_NOATIME));
	CR_EQ(0, fcntl(fds[1], F_SETFL, O_APPEND | O_NONBLOCK));
	cr_ready();
	CR_EQ(O_RDONLY | O_NOATIME, fcntl(fds[0], F_GETFL));
	CR_EQ(O_WRONLY | O_APPEND | O_NONBLOCK, fcntl(fds[1], F_GETFL));
	CR_EQ(1, write(fds[1], "x", 1));
	CR_EQ(1, read(fds[0], &byte, 1));
}

CR_TEST(pipe, joins_processes)
{
	int down[2], up[2], value, i;
	pid_t pid;

	CR_EQ(0, pipe(down));
	CR_EQ(0, pipe(up));
	pid = fork();
	if (!pid) {
		close(down[1]);
		close(up[0]);
		while (read(down[0], &value, 4) == 4) {
			value *= 2;
			CR_EQ(4, write(up[1], &value, 4));
		}
		_exit(9);
	}
	close(down[0]);
	close(up[1]);
	for (i = 0; i < 100; i++) {
		CR_EQ(4, write(down[1], &i, 4));
		CR_EQ(4, read(up[0], &value, 4));
		CR_EQ(2 * i, value);
		if (i == 50)
			cr_ready();
	}
	/* the end of all writers is seen */
	close(down[1]);
	cr_reap(pid, 9 << 8);
	CR_EQ(0, read(up[0], &value, 4));
}

CR_TEST(pipe, end_of_file_and_broken_pipe_stay)
{
	int no_writer[2], no_reader[2];
	char text[8] = "";

	CR_EQ(0, pipe(no_writer));
	CR_EQ(0, pipe(no_reader));
	CR_EQ(4, write(no_writer[1], "last", 4));
	close(no_writer[1]);
	close(no_reader[0]);
	signal(SIGPIPE, SIG_IGN);
	cr_ready();
	CR_EQ(4, read(no_writer[0], text, 8));
	CR_CHECK(!strcmp(text, "last"));
	CR_EQ(0, read(no_writer[0], text, 8));
	CR_EQ(-1, write(no_reader[1], "x", 1));
	CR_EQ(EPIPE, errno);
}

CR_TEST(pipe, descriptions_are_shared_as_before)
{
	int fds[2], twin, again;
	char link[64];

	CR_EQ(0, pipe(fds));
	twin = dup(fds[0]);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fds[0]);
	/* another description of the same end */
	again = open(link, O_RDONLY);
	cr_ready();
	fcntl(twin, F_SETFL, O_NONBLOCK);
	CR_EQ(O_NONBLOCK, fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	CR_EQ(0, fcntl(again, F_GETFL) & O_NONBLOCK);
	CR_EQ(1, write(fds[1], "x", 1));
	CR_EQ(1, queued(again));
}

CR_TEST(pipe, an_end_open_for_both_stays_so)
{
	int fds[2], both;
	char link[64], c;

	CR_EQ(0, pipe(fds));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fds[0]);
	both = open(link, O_RDWR);
	CR_CHECK(both >= 0);
	close(fds[0]);
	close(fds[1]);
	CR_EQ(2, write(both, "ab", 2));
	cr_ready();
	CR_EQ(O_RDWR, fcntl(both, F_GETFL) & O_ACCMODE);
	CR_EQ(1, read(both, &c, 1));
	CR_EQ('a', c);
	CR_EQ(1, write(both, "c", 1));
	CR_EQ(2, queued(both));
}

CR_TEST(pipe, tee_and_splice_still_work)
{
	int one[2], two[2];
	char text[8] = "";

	CR_EQ(0, pipe(one));
	CR_EQ(0, pipe(two));
	CR_EQ(6, write(one[1], "shared", 6));
	/* the page is in both pipes */
	CR_EQ(6, tee(one[0], two[1], 6, 0));
	cr_ready();
	CR_EQ(6, read(two[0], text, 8));
	CR_CHECK(!strcmp(text, "shared"));
	CR_EQ(6, splice(one[0], NULL, two[1], NULL, 6, 0));
	CR_EQ(6, queued(two[0]));
}

TEST_HARNESS_MAIN
