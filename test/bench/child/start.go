package child

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/slankdev/ministack/test/bench/link"
)

// Process is a child as the bench sees it.
type Process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	answer chan Snapshot
}

// patience bounds each answer of a child, besides the time that it is known to
// need.
const patience = 20 * time.Second

// Start starts a child of a program, which is this one or another build of it,
// in a namespace, and waits until it is ready.
func Start(program string, ns *link.Namespace, cfg Config) (*Process, error) {
	p := &Process{cmd: exec.Command(program, Arg), answer: make(chan Snapshot, 1)}
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := ns.Do(p.cmd.Start); err != nil {
		return nil, err
	}
	go p.listen(out)
	line, err := json.Marshal(cfg)
	if err == nil {
		_, err = p.Tell(string(line), 0)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Process) listen(out io.Reader) {
	defer close(p.answer)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var s Snapshot
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			s.Error = fmt.Sprintf("unexpected answer %q", lines.Text())
		}
		p.answer <- s
	}
}

// Tell sends a command and returns the answer, which may take the time extra
// and some patience.
func (p *Process) Tell(command string, extra time.Duration) (Snapshot, error) {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return Snapshot{}, err
	}
	select {
	case s, open := <-p.answer:
		switch {
		case !open:
			return s, errors.New("the process ended")
		case s.Error != "":
			return s, errors.New(s.Error)
		}
		return s, nil
	case <-time.After(extra + patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // says where it hangs
		time.Sleep(200 * time.Millisecond)
		return Snapshot{}, fmt.Errorf("no answer to %q for %v", command, extra+patience)
	}
}

// Stop ends the child.
func (p *Process) Stop() {
	p.in.Close()
	_ = p.cmd.Process.Kill()
	for range p.answer {
	}
	_ = p.cmd.Wait() // it was killed
}
