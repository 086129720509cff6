package trace

import (
	"path"
	"runtime"
	"strconv"
	"strings"
)

// modulePath begins the names of the stack's own functions.
const modulePath = "github.com/slankdev/ministack"

// SiteString returns the source line of an event's site with its path in the
// module, "tcp/demux.go:88"; "" for no site.
func SiteString(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	if f.File == "" {
		return ""
	}
	return shortFile(f.File, f.Function) + ":" + strconv.Itoa(f.Line)
}

// shortFile takes the directory from the function's package, which does not
// depend on where the program was built.
func shortFile(file, function string) string {
	slash := strings.LastIndexByte(function, '/')
	dot := strings.IndexByte(function[slash+1:], '.')
	if dot < 0 {
		return path.Base(file)
	}
	dir := strings.TrimPrefix(function[:slash+1+dot], modulePath)
	return path.Join(strings.TrimPrefix(dir, "/"), path.Base(file))
}
