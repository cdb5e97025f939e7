/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every record type, once. A resource is added by a row here, a struct in
 * the uapi header, and a file that defines the row's ops.
 */
#ifndef _CHECKPOINT_REGISTRY_H
#define _CHECKPOINT_REGISTRY_H

#define CKPT_ROWS(row)						\
	row(CKPT_REC_UTS_NS, ckpt_uts_ns_ops)			\
	row(CKPT_REC_CRED, ckpt_cred_ops)			\
	row(CKPT_REC_PIPE, ckpt_pipe_ops)			\
	row(CKPT_REC_SHMEM, ckpt_shmem_ops)			\
	row(CKPT_REC_FILE_PATH, ckpt_file_path_ops)		\
	row(CKPT_REC_FILE_PIPE, ckpt_file_pipe_ops)		\
	row(CKPT_REC_FILE_SHMEM, ckpt_file_shmem_ops)		\
	row(CKPT_REC_FILE_EXTERNAL, ckpt_file_external_ops)	\
	row(CKPT_REC_FILE_EVENTFD, ckpt_file_eventfd_ops)	\
	row(CKPT_REC_FS, ckpt_fs_ops)				\
	row(CKPT_REC_FILES, ckpt_files_ops)			\
	row(CKPT_REC_SIGHAND, ckpt_sighand_ops)			\
	row(CKPT_REC_MM, ckpt_mm_ops)				\
	row(CKPT_REC_VMA, ckpt_vma_ops)				\
	row(CKPT_REC_PROCESS, ckpt_process_ops)			\
	row(CKPT_REC_THREAD, ckpt_thread_ops)			\
	row(CKPT_REC_SIGINFO, ckpt_siginfo_ops)			\
	row(CKPT_REC_X86_THREAD, ckpt_x86_thread_ops)		\
	row(CKPT_REC_X86_XFEATURE, ckpt_x86_xfeature_ops)

#endif /* _CHECKPOINT_REGISTRY_H */
