#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The programs of the selftests, which verify themselves, from one boot to the
# next. They are named like their tests.
# PLAN: memory is as it was
# PLAN: shared memory and mapped files are as they were
# PLAN: pipes and eventfds are as they were
# PLAN: processes keep their ids and relations
# PLAN: threads go on together
# PLAN: open files are as they were
# PLAN: signals are as they were
# PLAN: calls that were waited in go on
# PLAN: attributes, credentials and registers are as they were
# shellcheck source=common
. "$(dirname "$0")/common"

# each FUNCTION: for every program of the list, with its directory in $at
each()
{
	status=0
	for program in $programs; do
		at=$dir/$program
		image=$at/image
		"$1" && continue
		echo "in $program:"
		cat "$at/notes" 2> /dev/null
		status=1
	done
	return $status
}

# It is told by its argv[0] what it is. Its parent and its session are in the
# image too, for it looks at them.
# shellcheck disable=SC2016
start_program()
{
	mkdir -p "$at" "$tmp/bin"
	# some become another user
	chmod 777 "$dir" "$at"
	ln -sf "/tests/${program%%.*}_test" "$tmp/bin/$program"
	export CR_PROGRAM=1
	PATH=$tmp/bin:$PATH launch -- setsid sh -c 'cd "$0"; "$0" & wait $!' "$program"
	await "[ -e $at/ready ]" && save
}

restart_program()
{
	restart --pidfile "$tmp/pid"
	await "[ -s $tmp/pid ]" &&
	: > "$at/go" && rm "$tmp/pid" && expect 0 wait $runner
}

programs_first()
{
	each start_program
}

programs_second()
{
	another_boot && each restart_program
}

# check TITLE DIRECTORY PROGRAM...
check()
{
	title=$1
	directory=$2
	shift 2
	programs=$*
	across "$title" programs_first programs_second "$directory"
}

check "memory is as it was" memory \
	memory.keeps_private_pages memory.keeps_the_heap_and_its_end \
	memory.keeps_the_stack_and_it_still_grows \
	memory.keeps_protections_and_what_is_behind_them memory.unmapped_holes_stay_holes \
	memory.keeps_advice_and_contents memory.keeps_a_stack_like_mapping_that_grows \
	memory.huge_pages_keep_their_contents address_space.keeps_a_thousand_mappings
check "shared memory and mapped files are as they were" shared \
	shared_memory.private_file_mapping_keeps_written_pages \
	shared_memory.shared_file_mapping_still_writes_the_file \
	shared_memory.readonly_shared_file_mapping_stays_so \
	shared_memory.parent_and_child_still_share \
	shared_memory.one_object_mapped_twice_stays_one \
	shared_memory.memfd_keeps_contents_and_name \
	shared_memory.memfd_mapped_in_two_processes
check "pipes and eventfds are as they were" pipes \
	pipe.keeps_a_few_bytes pipe.keeps_partly_read_pages pipe.keeps_a_full_one \
	pipe.keeps_sizes_and_flags pipe.joins_processes pipe.end_of_file_and_broken_pipe_stay \
	pipe.descriptions_are_shared_as_before \
	eventfd.keeps_a_counter_of_64_bits_and_nonblock eventfd.wakes_another_process
check "processes keep their ids and relations" processes \
	process.a_tree_of_forty_keeps_its_pids_groups_and_sessions \
	process.zombies_keep_their_statuses process.zombies_of_children_pass_on_when_these_exit \
	process.leader_that_exited_before_its_threads \
	session.session_and_group_without_leaders_are_kept \
	session.zombies_keep_sessions_and_groups
check "threads go on together" threads \
	thread.waits_for_a_condition_and_is_joined thread.mutexes_of_every_kind_keep_their_owner \
	thread.a_hundred_keep_their_variables_and_tids thread.rseq_areas_are_registered_again \
	thread.children_stay_with_the_thread_that_made_them \
	thread.busy_threads_are_caught_too
check "open files are as they were" files \
	files.position_is_kept files.a_position_behind_the_end_is_kept files.flags_are_kept \
	files.opening_does_not_truncate_or_create_again \
	files.dup_and_fork_share_one_description files.directories_are_opened_again \
	files.memory_devices_are_opened_again files.writes_between_restart_and_end_reach_the_file
check "signals are as they were" signals \
	signal.every_action_is_kept signal.alternate_stack_is_used \
	signal.pending_signals_keep_their_values_and_order \
	signal.a_stopped_child_stays_stopped_and_continues
check "calls that were waited in go on" calls \
	syscall.read_of_an_empty_pipe syscall.poll_with_a_timeout syscall.select_with_a_timeout \
	syscall.futex_wait_with_a_timeout syscall_wait.wait4 \
	syscall_wait.sigsuspend_runs_the_handler
check "attributes, credentials and registers are as they were" attributes \
	attributes.all_resource_limits attributes.nice_values_of_both_signs \
	attributes.umask_and_working_directory cred.user_and_group_ids cred.capability_sets \
	regs.gs_base regs.fs_base
exit $failed
