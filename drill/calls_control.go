package drill

import (
	"fmt"

	"github.com/slankdev/ministack/socket"
)

// Ancillary data of recvmsg, as scripts expect it: a list of
// {cmsg_level=..., cmsg_type=..., cmsg_data=...}. What the stack has of it are
// the errors of IP_RECVERR.

// control reads what a script expects before the call is made, so that what is
// not supported is known whatever the call returns. The result says what a
// message differs in.
func (c *caller) control(list *Expr) func(*socket.Message) string {
	if list == nil || list.Kind == Ellipsis {
		return func(*socket.Message) string { return "" }
	}
	if list.Kind != List || len(list.Items) > 1 {
		c.unsupported(list, "msg_control with more than one message")
	}
	if len(list.Items) == 0 {
		return func(m *socket.Message) string { return c.errorDiffers(nil, m) }
	}
	e := list.Items[0]
	if e.Kind != Struct || e.get("cmsg_level") == nil || e.get("cmsg_type") == nil {
		c.unsupported(e, "msg_control of this form")
	}
	level, kind := c.member(e, "cmsg_level"), c.member(e, "cmsg_type")
	data := e.get("cmsg_data")
	if level != socket.SOL_IP || kind != socket.IP_RECVERR || data == nil || data.Kind != Struct {
		c.unsupported(e, "a control message of level %d and type %d", level, kind)
	}
	return func(m *socket.Message) string { return c.errorDiffers(data, m) }
}

// errorDiffers compares struct sock_extended_err; want is nil where none is
// expected.
func (c *caller) errorDiffers(want *Expr, m *socket.Message) string {
	switch {
	case want == nil && m.Err == nil:
		return ""
	case want == nil:
		return "there is a control message, expected none"
	case m.Err == nil:
		return "there is no control message, expected an error"
	}
	have := map[string]int{"ee_errno": int(m.Err.Errno), "ee_origin": int(m.Err.Origin), "ee_type": int(m.Err.Type),
		"ee_code": int(m.Err.Code), "ee_info": int(m.Err.Info), "ee_data": 0}
	for _, f := range want.Fields {
		v, ok := have[f.Name]
		if !ok {
			c.unsupported(f.Value, "the member %q", f.Name)
		}
		if w := c.value(f.Value); w != v {
			return fmt.Sprintf("%s is %d, expected %d", f.Name, v, w)
		}
	}
	return ""
}
