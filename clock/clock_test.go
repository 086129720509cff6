package clock

import (
	"math/rand"
	"sort"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWheelFiresEachTimerOnceNeverEarlyAndWithinATick(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var w wheel
	now := Time(time.Second)
	timers := make([]Timer, 300)
	pending := map[*Timer]bool{}
	arm := func(tm *Timer) {
		if tm.armed {
			w.remove(tm)
		}
		span := int64(1) << (10 + r.Intn(38))
		w.insert(tm, now+Time(r.Int63n(span)))
		pending[tm] = true
	}
	for i := range timers {
		arm(&timers[i])
	}
	for len(pending) > 0 {
		next, any := w.next()
		require.True(t, any)
		if r.Intn(4) > 0 || next < now {
			now = max(now, next)
		} else {
			now += (next - now) / 2
		}
		for tm := w.expire(now); tm != nil; tm = w.expire(now) {
			require.True(t, pending[tm], "fired without being armed")
			require.LessOrEqual(t, tm.at, now, "fired early")
			delete(pending, tm)
			if r.Intn(5) == 0 {
				arm(&timers[r.Intn(len(timers))])
			}
		}
		for tm := range pending {
			require.Greater(t, tickOf(tm.at), uint64(now)>>tickBits, "left behind")
		}
		if r.Intn(3) == 0 {
			tm := &timers[r.Intn(len(timers))]
			if tm.armed {
				w.remove(tm)
				delete(pending, tm)
			}
		}
	}
	_, any := w.next()
	require.False(t, any)
}

func TestVirtualEventsRunInOrderOfTimeThenOfArming(t *testing.T) {
	v := NewVirtual()
	type entry struct {
		at    Time
		order int
	}
	var got []entry
	r := rand.New(rand.NewSource(2))
	for i := range 200 {
		tm := new(Timer)
		e := entry{v.Now() + Time(r.Intn(20)), i}
		tm.Init(v, func(x any) {
			require.Equal(t, x.(entry).at, v.Now())
			got = append(got, x.(entry))
		}, e)
		tm.Reset(e.at)
	}
	v.Run(time.Second)
	require.Len(t, got, 200)
	require.True(t, sort.SliceIsSorted(got, func(i, j int) bool {
		return got[i].at < got[j].at || got[i].at == got[j].at && got[i].order < got[j].order
	}))
	require.Equal(t, Time(2*time.Second), v.Now())
}

func TestVirtualWaitDrivesTimeToItsDeadlineOrToTheEvent(t *testing.T) {
	v := NewVirtual()
	ready := make(chan struct{}, 1)
	require.False(t, v.Wait(ready, v.Now().Add(3*time.Second)))
	require.Equal(t, Time(4*time.Second), v.Now())
	var tm Timer
	tm.Init(v, func(any) { ready <- struct{}{} }, nil)
	tm.Reset(v.Now().Add(time.Hour))
	require.True(t, v.Wait(ready, 0))
	require.Equal(t, Time(4*time.Second+time.Hour), v.Now())
}

func TestVirtualWaitersInSeveralGoroutinesAllReturn(t *testing.T) {
	v := NewVirtual()
	done := make(chan bool)
	for i := range 8 {
		ready := make(chan struct{}, 1)
		tm := new(Timer)
		tm.Init(v, func(any) { ready <- struct{}{} }, nil)
		tm.Reset(v.Now().Add(time.Duration(i) * time.Second))
		go func() { done <- v.Wait(ready, 0) }()
	}
	for range 8 {
		require.True(t, <-done)
	}
}

func TestVirtualWaitSeesATimerThatIsArmedWhileItSleeps(t *testing.T) {
	v := NewVirtual()
	ready := make(chan struct{}, 1)
	done := make(chan bool)
	go func() { done <- v.Wait(ready, 0) }()
	v.Post(func() { ready <- struct{}{} })
	require.True(t, <-done)
}

func TestRealTimersFireAndStopAndCloseLeavesNothingRunning(t *testing.T) {
	r := NewReal()
	fired := make(chan Time, 2)
	var tm, never Timer
	tm.Init(r, func(any) { fired <- r.Now() }, nil)
	never.Init(r, func(any) { t.Error("a stopped timer fired") }, nil)
	at := r.Now().Add(5 * time.Millisecond)
	never.Reset(at)
	tm.Reset(at)
	require.True(t, never.Stop())
	require.False(t, never.Stop())
	require.GreaterOrEqual(t, <-fired, at)
	var ran atomic.Bool
	posted := make(chan struct{})
	r.Post(func() { ran.Store(true); close(posted) })
	<-posted
	require.True(t, ran.Load())
	tm.Reset(r.Now().Add(time.Hour))
	r.Close()
	select {
	case <-r.done:
	default:
		t.Fatal("the goroutine runs on after Close")
	}
}

func TestArmingAndStoppingAllocatesNothing(t *testing.T) {
	r := NewReal()
	defer r.Close()
	var tm Timer
	tm.Init(r, func(any) {}, nil)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		tm.Reset(r.Now().Add(time.Minute))
		tm.Stop()
	}))
}

func TestWhatWasPostedRunsThoughTheClockIsClosed(t *testing.T) {
	r := NewReal()
	entered, ran := make(chan struct{}), 0
	release := make(chan struct{})
	r.Post(func() { close(entered); <-release })
	<-entered
	for range 3 {
		r.Post(func() { ran++ })
	}
	go func() {
		for closed := false; !closed; {
			r.mu.Lock()
			closed = r.closed
			r.mu.Unlock()
		}
		close(release)
	}()
	r.Close()
	require.Equal(t, 3, ran)
}
