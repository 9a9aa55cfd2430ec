/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.c: lines for the journal. A line is "event=NAME" and " key=value" for what else there is to
 * say; what is not a plain word is in quotes, by fields.h where others have chosen it. Only what is
 * wrong with a configuration is FILE:LINE: TEXT, as --check-config has it.
 */
#ifndef KSC_LOG_H
#define KSC_LOG_H

/* enum ksc_log_level - how much a line matters; the numbers are syslog's */
enum ksc_log_level {
	KSC_LOG_ERROR = 3,
	KSC_LOG_WARNING = 4,
	KSC_LOG_INFO = 6,
	KSC_LOG_DEBUG = 7,
};

/*
 * enum ksc_log_about - what a line is about that peers can cause, and as many as they like:
 * handshakes that were done, or failed, or what applications ask for and do not get
 */
enum ksc_log_about {
	KSC_LOG_DONE,
	KSC_LOG_FAILED,
	KSC_LOG_ASKED,
	KSC_N_LOG_ABOUT,
};

void ksc_log_open(int fd);
void ksc_log_set_level(enum ksc_log_level level);
void ksc_log(enum ksc_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ksc_log_peer(enum ksc_log_about about, enum ksc_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
