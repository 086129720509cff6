//go:build !unix

package control

// checkOwner does nothing where owners are no numbers.
func checkOwner(string) error { return nil }
