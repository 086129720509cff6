//go:build !linux

package main

import "runtime"

func (a *app) demo(*demoFlags) error {
	return usage("the demo makes network namespaces, which %s does not have; it needs Linux", runtime.GOOS)
}
