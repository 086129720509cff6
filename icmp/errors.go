package icmp

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// meaning is what a code of "destination unreachable" means to a socket
// (icmp_err_convert; RFC 1122 3.2.2.1).
type meaning struct {
	kind  inet.ErrorKind
	errno syscall.Errno
	hard  bool
}

// meaningOf returns the meaning of a code up to maxUnreachable.
func meaningOf(code uint8) meaning {
	switch code {
	case 0, 11:
		return meaning{inet.NetUnreachable, syscall.ENETUNREACH, false}
	case 1, 12:
		return meaning{inet.HostUnreachable, syscall.EHOSTUNREACH, false}
	case CodeProtocol:
		return meaning{inet.ProtoUnreachable, syscall.ENOPROTOOPT, true}
	case CodePort:
		return meaning{inet.PortUnreachable, syscall.ECONNREFUSED, true}
	case CodeFragNeeded:
		return meaning{inet.NeedFrag, syscall.EMSGSIZE, false}
	case CodeSourceFail:
		return meaning{inet.SourceRouteFailed, syscall.EOPNOTSUPP, false}
	case 6, 9:
		return meaning{inet.NetUnreachable, syscall.ENETUNREACH, true}
	case 7:
		return meaning{inet.HostUnreachable, inet.EHOSTDOWN, true}
	case 8:
		return meaning{inet.HostUnreachable, inet.ENONET, true}
	}
	return meaning{inet.AdminProhibited, syscall.EHOSTUNREACH, true} // 10, 13, 14, 15
}

// read says what a received error means.
func read(h Header) *inet.Error {
	e := &inet.Error{Type: h.Type(), Code: h.Code()}
	switch h.Type() {
	case TypeTimeExceeded:
		e.Kind, e.Errno = inet.TimeExceeded, syscall.EHOSTUNREACH
	case TypeParamProblem:
		e.Kind, e.Errno, e.Hard, e.Info = inet.ParamProblem, syscall.EPROTO, true, uint32(h.Pointer())
	default:
		k := meaningOf(h.Code())
		e.Kind, e.Errno, e.Hard = k.kind, k.errno, k.hard
		if e.Kind == inet.NeedFrag {
			e.Info = uint32(h.MTU())
		}
	}
	return e
}

// typeOf is the reverse, for errors that are sent: type, code and the second
// word of the header.
func typeOf(e *inet.Error) (typ, code uint8, word uint32) {
	switch e.Kind {
	case inet.NetUnreachable:
		return TypeUnreachable, CodeNet, 0
	case inet.HostUnreachable:
		return TypeUnreachable, CodeHost, 0
	case inet.ProtoUnreachable:
		return TypeUnreachable, CodeProtocol, 0
	case inet.PortUnreachable:
		return TypeUnreachable, CodePort, 0
	case inet.AdminProhibited:
		return TypeUnreachable, CodeFiltered, 0
	case inet.SourceRouteFailed:
		return TypeUnreachable, CodeSourceFail, 0
	case inet.NeedFrag:
		return TypeUnreachable, CodeFragNeeded, e.Info & 0xffff
	case inet.TimeExceeded:
		return TypeTimeExceeded, 0, 0
	case inet.ReasmTimeExceeded:
		return TypeTimeExceeded, codeReasmTime, 0
	}
	return TypeParamProblem, 0, e.Info << 24
}
