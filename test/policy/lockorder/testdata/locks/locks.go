// Package locks takes locks in all the ways that package lockorder is to see.
package locks

import "sync"

type outer struct{ direct, call, iface, value, handed, wrapped, deferred, branch, loop, given, ended, spawned sync.Mutex }

type inner struct{ mu sync.Mutex }

func (i *inner) take() { i.mu.Lock(); defer i.mu.Unlock() }

type taker interface{ take() }

type user struct {
	outer
	in   inner
	any  taker
	then func()
}

func newUser() *user {
	u := &user{}
	u.any = &u.in
	u.then = func() { u.deeper() }
	return u
}

func (u *user) deeper() { u.in.take() }

func (u *user) byItself() {
	u.direct.Lock()
	u.in.mu.Lock()
	u.in.mu.Unlock()
	u.direct.Unlock()
}

func (u *user) byCall() {
	u.call.Lock()
	defer u.call.Unlock()
	u.deeper()
}

func (u *user) byInterface() {
	u.iface.Lock()
	u.any.take()
	u.iface.Unlock()
}

func (u *user) byValue() {
	u.value.Lock()
	u.then()
	u.value.Unlock()
}

func (u *user) byHanding() {
	u.handed.Lock()
	new(sync.Once).Do(u.then)
	u.handed.Unlock()
}

func (u *user) lock()   { u.wrapped.Lock() }
func (u *user) unlock() { u.wrapped.Unlock() }

func (u *user) byWrapper() {
	u.lock()
	u.deeper()
	u.unlock()
}

func (u *user) byDefer() {
	defer u.deferred.Unlock()
	defer u.deeper()
	u.deferred.Lock()
}

func (u *user) byBranch(b bool) {
	if b {
		u.branch.Lock()
	}
	u.deeper()
	if b {
		u.branch.Unlock()
	}
}

func (u *user) byLoop() {
	for range 2 {
		u.deeper()
		u.loop.Lock()
	}
}

// What follows takes nothing while it holds something.

func (u *user) withGivenUp() {
	u.given.Unlock()
	u.deeper()
	u.given.Lock()
}

func (u *user) thatGivesUp() {
	u.given.Lock()
	defer u.given.Unlock()
	u.withGivenUp()
}

func (u *user) afterTheEnd(b bool) {
	u.ended.Lock()
	if b {
		u.ended.Unlock()
		return
	}
	u.ended.Unlock()
	u.deeper()
}

func (u *user) inAGoroutine() {
	u.spawned.Lock()
	go u.deeper()
	u.spawned.Unlock()
}
