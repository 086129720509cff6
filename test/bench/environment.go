package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// environment says on what and with what was measured, a line each.
func environment(o *options) []string {
	lines := []string{
		fmt.Sprintf("%s; %s: %d processors, %s of memory", time.Now().UTC().Format("2006-01-02"), processor(), runtime.NumCPU(), memory()),
		fmt.Sprintf("Linux %s, %s, gVisor %s", kernelRelease(), runtime.Version(), moduleVersion("gvisor.dev/gvisor")),
		fmt.Sprintf("ministack %s", revision()),
		"congestion control: CUBIC on both sides, for all subjects",
	}
	if o.from != "" {
		return append(lines, "made of samples that were taken before (-json, -from)")
	}
	return append(lines, fmt.Sprintf("%d rounds of %v each after %v, subjects alternating; command: `%s`", o.rounds, o.time, o.warmup, command()))
}

func processor() string {
	return field("/proc/cpuinfo", "model name")
}

func memory() string {
	var kb int
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kb); err != nil {
		return "?"
	}
	return fmt.Sprintf("%.0f GB", float64(kb)/1e6)
}

// field finds the first line "name : value".
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "?"
	}
	return unix.ByteSliceToString(u.Release[:])
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "?"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "?"
}

// revision is the commit of the stack, if this runs in its tree.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "of an unknown revision"
	}
	return strings.TrimSpace(string(out))
}

// command is what a reader types to have the same.
func command() string {
	return strings.Join(append([]string{"go run ."}, os.Args[1:]...), " ")
}
