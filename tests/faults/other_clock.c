/* A process that loads this before the C library has another clock: OTHER_CLOCK_S seconds ahead of
   its machine's, or behind it. Durations are as ever.

   Whoever waits until an instant got it from this clock, so it is turned back for the kernel. What
   Python and librdkafka call is here, and nothing else. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

#define AN_INSTANT_S 1000000000 /* below it: seconds since the machine was started */

static long ahead_s(void)
{
    const char *told = getenv("OTHER_CLOCK_S");
    return told ? atol(told) : 0;
}

static struct timespec turned_back(const struct timespec *until)
{
    struct timespec at = *until;
    if (at.tv_sec > AN_INSTANT_S)
        at.tv_sec -= ahead_s();
    return at;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead_s();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec at;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (now)
        *now = at.tv_sec;
    return at.tv_sec;
}

int cnd_timedwait(cnd_t *waits, mtx_t *mutex, const struct timespec *until)
{
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec at = turned_back(until);
    if (!real)
        real = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    return real(waits, mutex, &at);
}

int pthread_cond_timedwait(pthread_cond_t *waits, pthread_mutex_t *mutex, const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec at = turned_back(until);
    if (!real) /* the default of dlsym may be the oldest version, which has another structure */
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlvsym(
            RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(
            RTLD_NEXT, "pthread_cond_timedwait");
    return real(waits, mutex, &at);
}
