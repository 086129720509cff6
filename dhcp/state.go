package dhcp

import (
	"fmt"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// The client of RFC 2131 figure 5. A client that has no lease broadcasts a
// DISCOVER and takes the first OFFER; its REQUEST is answered by ACK or NAK. At
// T1 it asks the server that it knows for more time, at T2 any server, and when
// the lease runs out the address is gone and all begins anew. A client that
// starts has no memory of a former lease, so there is no INIT-REBOOT.
//
//	state       timer                    OFFER        ACK      NAK
//	selecting   DISCOVER again           requesting
//	requesting  REQUEST again, at last               bound    selecting
//	            selecting
//	bound       T1: renewing
//	renewing    REQUEST again, T2:                   bound    selecting
//	            rebinding
//	rebinding   REQUEST again, end:                  bound    selecting
//	            selecting

type state uint8

const (
	initial state = iota
	selecting
	requesting
	bound
	renewing
	rebinding
	stopped
)

func (s state) String() string {
	return [...]string{"INIT", "SELECTING", "REQUESTING", "BOUND", "RENEWING", "REBINDING", "STOPPED"}[s]
}

// moves are the transitions that there are; every state may be stopped.
var moves = map[state][]state{
	initial:    {selecting},
	selecting:  {requesting},
	requesting: {bound, selecting},
	bound:      {renewing},
	renewing:   {bound, rebinding, selecting},
	rebinding:  {bound, selecting},
}

// setState is the only place where the state changes.
func (c *Client) setState(to state) {
	if to != stopped && !slices.Contains(moves[c.state], to) {
		c.failed(fmt.Errorf("dhcp: from %v to %v", c.state, to))
	}
	c.state, c.tries = to, 0
}

// Waits of RFC 2131 4.1 and 4.4.5.
const (
	firstWait    = 4 * time.Second
	lastWait     = 64 * time.Second
	shortestWait = time.Minute      // between requests for more time
	mostRequests = 4                // in a minute, then all begins anew (3.1 step 5)
	restartWait  = 10 * time.Second // after a refusal, lest it go round in circles (3.1 step 5)
)

// discover begins to look for a server.
func (c *Client) discover() {
	c.restart()
	c.sendDiscover()
}

// restart forgets what was offered.
func (c *Client) restart() {
	c.setState(selecting)
	c.xid, c.began, c.offer = c.newXID(), c.clock.Now(), nil
}

// fire does what is due. A timer that was moved while it fired is not.
func (c *Client) fire() {
	now := c.clock.Now()
	if c.state == stopped || now < c.due {
		return
	}
	switch c.state {
	case selecting:
		c.sendDiscover()
	case requesting:
		if c.tries >= mostRequests {
			c.discover()
			return
		}
		c.sendRequest()
	case bound:
		c.setState(renewing)
		c.xid, c.began = c.newXID(), now
		c.renew(c.since.Add(c.lease.Rebind))
	case renewing:
		c.more(rebinding, c.lease.Rebind, c.lease.Time)
	case rebinding:
		c.more(selecting, c.lease.Time, 0)
	}
}

// more asks again, or goes on to the next state if the end of this one, counted
// from the lease's beginning, has come.
func (c *Client) more(next state, end, nextEnd time.Duration) {
	switch {
	case c.clock.Now() < c.since.Add(end):
		c.renew(c.since.Add(end))
	case next == selecting:
		c.lose()
	default:
		c.setState(next)
		c.renew(c.since.Add(nextEnd))
	}
}

// lose takes the address away and begins anew (RFC 2131 4.4.5).
func (c *Client) lose() {
	c.unconfigure()
	c.changed(nil)
	c.discover()
}

// backoff arms the timer for a message that is to be repeated: after 4 seconds,
// then after twice as long up to 64, each a second more or less by chance
// (RFC 2131 4.1).
func (c *Client) backoff() {
	wait := min(firstWait<<min(c.tries, 5), lastWait)
	c.tries++
	spread := time.Duration(c.stack.Rand().Uint64() % uint64(2*time.Second))
	c.arm(wait - time.Second + spread)
}

func (c *Client) arm(after time.Duration) {
	c.due = c.clock.Now().Add(after)
	c.timer.Reset(c.due)
}

// input acts on a reply to the present exchange.
func (c *Client) input(m *dhcpv4.DHCPv4) {
	switch t := m.MessageType(); {
	case c.state == selecting && t == dhcpv4.MessageTypeOffer:
		c.choose(m)
	case c.state == selecting || c.state == bound || c.state == stopped:
	case t == dhcpv4.MessageTypeAck:
		c.acknowledged(m)
	case t == dhcpv4.MessageTypeNak:
		c.refused(m)
	}
}

// choose takes an offer: the first that could be a lease.
func (c *Client) choose(m *dhcpv4.DHCPv4) {
	if _, err := leaseOf(m); err != nil {
		c.failed(err)
		return
	}
	c.offer = m
	c.setState(requesting)
	c.sendRequest()
}

// acknowledged enters a lease, which began when it was asked for (RFC 2131
// 4.4.1).
func (c *Client) acknowledged(m *dhcpv4.DHCPv4) {
	l, err := leaseOf(m)
	if err != nil {
		c.failed(err)
		return
	}
	c.setState(bound)
	c.since = c.sent
	c.failed(c.configure(l))
	c.changed(l)
	if l.Time == 0 {
		c.timer.Stop()
		return
	}
	c.arm(c.since.Add(l.Renew).Sub(c.clock.Now()))
}

// refused begins anew: the address is not, or no longer, ours. Only the server
// that was asked may say so.
func (c *Client) refused(m *dhcpv4.DHCPv4) {
	if c.state == requesting && !m.ServerIdentifier().Equal(c.offer.ServerIdentifier()) {
		return
	}
	if c.lease != nil {
		c.lose()
		return
	}
	c.restart()
	c.arm(restartWait)
}
