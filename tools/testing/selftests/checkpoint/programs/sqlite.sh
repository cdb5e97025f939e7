#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# sqlite3: databases in memory and in files, with journals; locks are refused.
# Files are on a disk, as databases are.
# PLAN: a database in memory is worked on
# PLAN: a transaction with a rollback journal is finished
# PLAN: a transaction with a write-ahead log is finished
# PLAN: a transaction is rolled back
# PLAN: a database between transactions is written on
# PLAN: the locks of a transaction are refused
# PLAN: the locks of an idle write-ahead log are refused
# PLAN: a temporary table in a file is refused
# shellcheck source=common
. "$(dirname "$0")/common"
place=/debian/var/tmp/sqlite

sums="SELECT count(*), sum(k), sum(length(v)), max(v) FROM t; PRAGMA integrity_check;"

# rows NUMBER: statements that insert ten times as many, and tell
rows()
{
	i=0
	while [ $i -lt 10 ]; do
		echo "WITH RECURSIVE c(n) AS (SELECT $i * $1 UNION ALL SELECT n + 1 FROM c
			WHERE n < ($i + 1) * $1 - 1)
			INSERT INTO t SELECT n * 7919 % 100003, hex(n * n), n FROM c;
		SELECT 'rows', count(*) FROM t;"
		i=$((i + 1))
	done
}

# work PRAGMAS BEFORE NUMBER AFTER: the job
work()
{
	file job.sql <<-END
		$1
		CREATE TABLE t(k INTEGER, v TEXT, n INTEGER);
		CREATE INDEX i ON t(v, k);
		$2
		$(rows "$3")
		${4:-}
		$sums
	END
}

# By a directory instead of a lock of the file, which cannot be saved.
dotfile="-vfs unix-dotfile"
# The cache is small, so that pages go to the files all the time.
small="PRAGMA cache_size=20; PRAGMA temp_store=memory;"
begun='grep -c rows out | grep -q "[3-9]"'

memory()
{
	work "" "BEGIN;" 2500 "COMMIT;"
	comes_back "$begun" sqlite3 -bail :memory: ".read job.sql"
}

# shellcheck disable=SC2086
journal()
{
	work "$small PRAGMA journal_mode=truncate;" "BEGIN EXCLUSIVE;" 1500 "COMMIT;"
	comes_back "[ -s db-journal ] && $begun" sqlite3 -bail $dotfile db ".read job.sql"
}

# With exclusive locking the index of the log is in private memory.
# shellcheck disable=SC2086
wal()
{
	work "$small PRAGMA locking_mode=exclusive; PRAGMA journal_mode=wal;" "BEGIN;" 1500 "COMMIT;"
	comes_back "[ -s db-wal ] && $begun" sqlite3 -bail $dotfile db ".read job.sql"
}

# shellcheck disable=SC2086
rollback()
{
	work "$small" "INSERT INTO t VALUES(1, 'before', 1); BEGIN;" 1500 "ROLLBACK;"
	comes_back "[ -s db-journal ] && $begun" sqlite3 -bail $dotfile db ".read job.sql"
}

# A lock is held as long as a transaction lasts; it can be waited for.
save_unlocked()
{
	until save here "$tmp/image" --kill > /dev/null; do
		if over || refusals | grep -qv 'object="file lock"'; then
			cat "$tmp/err"
			return 1
		fi
	done
	expect 137 wait $runner
}

between()
{
	file job.sh <<-END
		for ((i = 0; i < 200; i++)); do
			((i)) || echo "CREATE TABLE t(k INTEGER, v TEXT);"
			echo "INSERT INTO t VALUES(\$i, hex(zeroblob(1000 + \$i)));"
			for ((j = 0; j < 200; j++)); do :; done
		done | sqlite3 -bail db
		sqlite3 db "$sums"
	END
	catch '[ $(stat -c %s db) -ge 100000 ]' save_unlocked bash job.sh || return 1
	timeout -s KILL $patience ckpt restart -i "$tmp/image"
	ends_right $?
}

locked="a lock or lease is held, not saved yet; release it"

transaction()
{
	work "" "BEGIN EXCLUSIVE;" 2000 "COMMIT;"
	refused sqlite3 "file lock" "db: $locked" "$begun" \
		sqlite3 -bail db ".read job.sql"
}

# The log's index stays locked as long as the database is open.
idle_wal()
{
	file job.sql <<-END
		PRAGMA journal_mode=wal;
		CREATE TABLE t(k, v TEXT);
		INSERT INTO t VALUES(1, 'one');
		SELECT 'all is written';
		WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 400000)
			SELECT sum(n) FROM c;
		$sums
	END
	refused sqlite3 "file lock" "db\\(-shm\\)\\?: $locked" \
		'grep -q written out' sqlite3 -bail db ".read job.sql"
}

# sqlite3 opens it and removes its name at once.
temporary()
{
	work "PRAGMA temp_store=file; CREATE TEMP TABLE early(x); CREATE TEMP TABLE more(x);" \
		"PRAGMA temp.cache_size=10; INSERT INTO early SELECT hex(zeroblob(200000));" 1500
	refused sqlite3 "unlinked file" "etilqs_[0-9a-f]* was unlinked, and such files are not saved yet" \
		"$begun" sqlite3 -bail :memory: ".read job.sql"
}

try_kernel "a database in memory is worked on" memory
try_kernel "a transaction with a rollback journal is finished" journal
try_kernel "a transaction with a write-ahead log is finished" wal
try_kernel "a transaction is rolled back" rollback
try_kernel "a database between transactions is written on" between
try_kernel "the locks of a transaction are refused" transaction
try_kernel "the locks of an idle write-ahead log are refused" idle_wal
try_kernel "a temporary table in a file is refused" temporary
rm -rf $place
exit $failed
