package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/control"
)

// defaultName is what a stack is called unless told otherwise.
const defaultName = "ministack"

type runFlags struct {
	stackFlags
	serve []string
}

func newRun(a *app) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run --dev KIND:NAME --addr CIDR [flags]",
		Short: "Bring up a stack and run it until it is told to end",
		Long: `run brings up a stack on one or more devices, starts the services that it is to
offer, prints a line for each device when all is ready, and runs until SIGINT,
SIGTERM or the end of the device. It then closes its connections in order and
leaves nothing behind. A second signal ends it at once.

Devices:
  tap:NAME       a TAP interface, which is created where there is none; --host-addr
                 gives the host's side an address and brings it up
  tun:NAME       a TUN interface: the same without Ethernet and ARP
  packet:IFNAME  an interface of the host, shared by way of AF_PACKET
  water:NAME     a TAP interface by way of a portable library

Services:
  echo:7  discard:9  chargen:19   the services of RFC 862, 863 and 864, TCP and UDP
  iperf3:5201                     measures: iperf3 -c, on another host, is the client
  http:80=DIR                     the files of a directory`,
		Example: `  ministack run --dev tap:ms0 --host-addr 10.9.0.1/24 --addr 10.9.0.2/24 --serve echo:7 --serve http:80=/srv
  ministack run --dev packet:eth1 --addr 192.0.2.7/24 --gw 192.0.2.1
  ministack run --dev packet:eth1 --dhcp
  ministack run --dev tap:ms0 --addr 10.9.0.2/24 --dev tap:ms1 --addr 10.8.0.2/24 --sysctl net.ipv4.ip_forward=1
  ministack run --dev tap:ms0 --host-addr 10.9.0.1/24 --addr 10.9.0.2/24 --impair loss=1%,delay=20ms`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.run(f) },
	}
	fs := cmd.Flags()
	f.addDeviceFlags(fs)
	fs.StringSliceVar(&f.serve, "serve", nil, "services, such as echo:7,http:80=DIR; may be repeated")
	fs.StringVar(&f.control, "control", "", "path of the control socket (default: by --name)")
	fs.StringVar(&f.name, "name", defaultName, "name by which tools find the stack")
	return cmd
}

func (a *app) run(f *runFlags) error {
	if len(f.devs) == 0 {
		return usage("a stack needs a device: --dev tap:NAME, and an --addr for it")
	}
	specs, err := parseServices(f.serve)
	if err != nil {
		return err
	}
	s, v, done, err := a.bringUp(f)
	if err != nil {
		return err
	}
	defer done()
	services, err := startServices(s, specs)
	if err != nil {
		return err
	}
	a.announce(s, f)
	err = a.wait(s, v)
	a.end(s, services)
	return err
}

// bringUp makes the stack that the flags describe, with a control socket by which
// tools find it. done ends both.
func (a *app) bringUp(f *runFlags) (s *ministack.Stack, v *control.Server, done func(), err error) {
	l, err := f.listen()
	if err != nil {
		return nil, nil, nil, err
	}
	if s, err = newStack(a.ctx, &f.stackFlags); err != nil {
		l.Close()
		return nil, nil, nil, err
	}
	v = control.Serve(l, s, f.name)
	return s, v, func() {
		v.Close()
		f.leases.release()
		s.Close()
	}, nil
}

// listen makes the control socket.
func (f *runFlags) listen() (net.Listener, error) {
	path := f.control
	if path == "" {
		if f.name == "" || strings.ContainsAny(f.name, "/ ") {
			return nil, usage("--name %q: a name has no slash and no space", f.name)
		}
		if err := control.MakeDir(); err != nil {
			return nil, fmt.Errorf("no place for the control socket: %w; give one with --control", err)
		}
		path = control.Path(f.name)
	}
	l, err := control.Listen(path)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && f.control == "":
		return nil, fmt.Errorf("a stack called %q is running already; choose another --name, or end it with: kill %d", f.name, pidOf(path))
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no directory %s for the control socket", filepath.Dir(path))
	case err != nil:
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// pidOf asks a running stack who it is.
func pidOf(path string) int {
	c, err := control.Dial(path)
	if err != nil {
		return 0
	}
	defer c.Close()
	s, _ := c.Status() // 0 where it does not say
	return s.PID
}

// announce prints a line for each device, all at once.
func (a *app) announce(s *ministack.Stack, f *runFlags) {
	var text strings.Builder
	for i, d := range s.Devices()[1:] {
		spec := f.devs[i]
		line := fmt.Sprintf("%s: %s mtu %d", d.Name, spec.kind, d.MTU())
		if d.HasLink() {
			line += " link " + d.MAC.String()
		}
		for _, p := range d.Addrs() {
			line += " addr " + p.String()
		}
		if spec.host.IsValid() {
			line += " host " + spec.host.String()
		}
		line += f.leases.describe(d.Name)
		text.WriteString(line + " ready\n")
	}
	fmt.Fprint(a.out, text.String())
}

// wait returns when it is time to end.
func (a *app) wait(s *ministack.Stack, v *control.Server) error {
	failed := make(chan error, 1)
	watchDevices(s, failed)
	select {
	case <-a.ctx.Done():
	case <-v.Ended():
	case err := <-failed:
		return err
	}
	return nil
}

// watchDevices tells when a driver stops by itself, as when somebody deletes
// the interface.
func watchDevices(s *ministack.Stack, failed chan<- error) {
	for _, d := range s.Devices() {
		go func() {
			<-d.Done()
			if err := d.Err(); err != nil {
				select {
				case failed <- fmt.Errorf("device %s stopped: %w", d.Name, err):
				default:
				}
			}
		}()
	}
}

// end closes connections in order; a second signal cuts it short.
func (a *app) end(s *ministack.Stack, services *services) {
	ctx, stop := notifyAgain()
	defer stop()
	services.Close(ctx)
	finish(ctx, s)
}
