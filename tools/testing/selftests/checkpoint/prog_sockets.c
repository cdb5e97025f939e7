// SPDX-License-Identifier: GPL-2.0
/*
 * prog_sockets NUMBER FILE: has that many sockets open, then makes the file, and waits.
 */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rlimit limit;
	int left;

	if (argc != 3)
		errx(1, "usage: prog_sockets NUMBER FILE");
	left = atoi(argv[1]);
	limit.rlim_cur = limit.rlim_max = left + 64;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
	while (left--)
		if (socket(AF_INET, SOCK_DGRAM, 0) < 0)
			err(1, "socket");
	if (open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0)
		err(1, "%s", argv[2]);
	for (;;)
		pause();
}
