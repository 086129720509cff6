package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

type pingFlags struct {
	stackFlags
	count              int
	interval, deadline float64 // seconds
	wait               float64
	size, ttl, tos     int
	quiet, stamp       bool
	from, discover     string
}

func newPing(a *app) *cobra.Command {
	f := &pingFlags{}
	cmd := &cobra.Command{
		Use:   "ping [flags] ADDRESS",
		Short: "Send ICMP echo requests from a stack",
		Long: `ping sends ICMP ECHO_REQUEST to a host and prints what comes back, as ping(8).
It ends with status 0 if there was a reply, 1 if there was none, 2 on other
trouble.`,
		Example: `  ministack ping -c 3 10.9.0.1
  ministack ping -s 65507 -i 0.2 10.9.0.1
  ministack ping --dev tap:ms0 --host-addr 10.9.0.1/24 --addr 10.9.0.2/24 -c 1 10.9.0.1`,
		Args: exactly(1, "the ADDRESS to ping"),
		RunE: func(_ *cobra.Command, args []string) error { return a.ping(f, args[0]) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.IntVarP(&f.count, "count", "c", 0, "stop after so many requests (0: none)")
	fs.Float64VarP(&f.interval, "interval", "i", 1, "seconds between requests")
	fs.IntVarP(&f.size, "size", "s", 56, "bytes of data in a request")
	fs.Float64VarP(&f.wait, "wait", "W", 0, "seconds to wait for the last replies")
	fs.Float64VarP(&f.deadline, "deadline", "w", 0, "seconds after which to stop")
	fs.IntVarP(&f.ttl, "ttl", "t", 0, "time to live")
	fs.IntVarP(&f.tos, "tos", "Q", 0, "type of service")
	fs.StringVarP(&f.from, "from", "I", "", "source address")
	fs.StringVarP(&f.discover, "pmtudisc", "M", "want", "fragmentation: do (never), want, dont")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print the summary only")
	fs.BoolVarP(&f.stamp, "timestamp", "D", false, "print the time of day before each line")
	fs.BoolP("numeric", "n", true, "addresses are never looked up; for the hands' habit")
	return cmd
}

func (f *pingFlags) request(to string) (control.PingRequest, error) {
	q := control.PingRequest{Count: f.count, Interval: seconds(f.interval), Timeout: seconds(f.wait), Size: f.size,
		TTL: f.ttl, TOS: f.tos, DF: f.discover == "do"}
	switch {
	case f.count < 0:
		return q, usage("-c %d: a count is 1 or more", f.count)
	case f.interval < 0 || f.wait < 0 || f.deadline < 0:
		return q, usage("a time in seconds is not negative")
	case f.discover != "do" && f.discover != "want" && f.discover != "dont":
		return q, usage("-M %q: there are do, want and dont", f.discover)
	}
	var err error
	if f.from != "" {
		if q.Src, err = parseAddr(f.from); err != nil {
			return q, err
		}
	}
	q.Dst, err = parseAddr(to)
	return q, err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (a *app) ping(f *pingFlags, to string) error {
	q, err := f.request(to)
	if err != nil {
		return err
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := a.ctx, context.CancelFunc(func() {})
	if f.deadline > 0 {
		ctx, cancel = context.WithTimeout(ctx, seconds(f.deadline))
	}
	defer cancel()
	r := &pingReport{out: a.out, err: a.err, quiet: f.quiet, stamp: f.stamp, dst: q.Dst, began: time.Now()}
	r.size = q.Size
	if err := c.Ping(ctx, q, r.event); err != nil {
		return err
	}
	return r.end()
}
