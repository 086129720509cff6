package socket

// LinkAddr is an address of packet sockets (struct sockaddr_ll, packet(7)).
type LinkAddr struct {
	Protocol uint16 // EtherType, in host order; ETH_P_ALL for all
	IfIndex  int    // 0: any device
	HaType   uint16 // ARPHRD_*; set on receipt
	PktType  uint8  // PACKET_*; set on receipt
	HaLen    uint8  // bytes of Addr in use
	Addr     [8]byte
}
