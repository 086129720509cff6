package socket

import "github.com/slankdev/ministack/inet"

// Message is what sendmsg and recvmsg take and fill (struct msghdr).
type Message = inet.Message

// LinkAddr is an address of packet sockets (struct sockaddr_ll, packet(7)).
type LinkAddr = inet.LinkAddr
