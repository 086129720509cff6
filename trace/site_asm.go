//go:build amd64 || arm64

package trace

// callerPC returns where the function that calls it returns to: the site of an
// event. runtime.Callers tells the same at a hundred times the price; Go keeps
// frame pointers on these machines (golang.org/s/regabi).
func callerPC() uintptr
