/* The program of a pod's sandbox: holds the namespaces, reaps what is left behind in them, ends when told to.
 *
 * No C library, so that it is a few hundred bytes of code and one page of memory per pod. All signals are blocked and
 * waited for with rt_sigtimedwait(2): no handler is needed. It includes nothing, so any compiler makes it for any machine.
 */
#if defined(__x86_64__) /* asm/unistd_64.h */
#define __NR_rt_sigprocmask 14
#define __NR_wait4 61
#define __NR_rt_sigtimedwait 128
#define __NR_exit_group 231
#elif defined(__aarch64__) /* asm-generic/unistd.h */
#define __NR_exit_group 94
#define __NR_rt_sigprocmask 135
#define __NR_rt_sigtimedwait 137
#define __NR_wait4 260
#endif

#define SIGINT 2
#define SIGTERM 15
#define SIGCHLD 17
#define SIG_SETMASK 2
#define WNOHANG 1
#define EXIT_FAILURE 1

static long call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
#else
#error "this architecture is not supported"
#endif
}

void _start(void)
{
	unsigned long all = ~0UL;

	if (call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, sizeof(all)) < 0)
		call(__NR_exit_group, EXIT_FAILURE, 0, 0, 0);
	for (;;) {
		long signal = call(__NR_rt_sigtimedwait, (long)&all, 0, 0, sizeof(all));

		if (signal == SIGTERM || signal == SIGINT)
			call(__NR_exit_group, 0, 0, 0, 0);
		if (signal == SIGCHLD)
			while (call(__NR_wait4, -1, 0, WNOHANG, 0) > 0)
				;
	}
}
