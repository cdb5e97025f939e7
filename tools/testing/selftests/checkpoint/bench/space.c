// SPDX-License-Identifier: GPL-2.0
/* What images take, and making room. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

static DIR *open_directory(const char *path, struct dirent **entry)
{
	DIR *dir = opendir(path);

	*entry = NULL;
	return dir;
}

static struct dirent *next_file(DIR *dir)
{
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_REG || entry->d_type == DT_LNK)
			return entry;
	return NULL;
}

uint64_t bytes_of(const char *path, unsigned int *files)
{
	struct dirent *entry;
	DIR *dir = open_directory(path, &entry);
	uint64_t blocks = 0;
	struct stat st;

	*files = 0;
	while ((entry = next_file(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		blocks += st.st_blocks;
		++*files;
	}
	if (dir)
		closedir(dir);
	return blocks * 512;
}

void empty_directory(const char *path)
{
	struct dirent *entry;
	DIR *dir = open_directory(path, &entry);

	while ((entry = next_file(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}
