package realtime

import "encoding/binary"

// The opcodes of RFC 6455, section 5.2, with the final bit.
const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8A
)

// maxControl is the longest payload of a control frame.
const maxControl = 125

// wireFrame is one WebSocket frame as a server sends it: unmasked and whole, so
// that the same bytes serve every connection.
func wireFrame(op byte, payload []byte) []byte {
	n := len(payload)
	b := make([]byte, 0, n+10)
	switch {
	case n <= maxControl:
		b = append(b, op, byte(n))
	case n <= 0xFFFF:
		b = append(b, op, 126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, op, 127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, payload...)
}

func textFrame(payload []byte) []byte { return wireFrame(opText, payload) }

func closeFrame(code CloseCode, reason []byte) []byte {
	if len(reason) > maxControl-2 {
		reason = nil
	}
	return wireFrame(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

var pingFrame = wireFrame(opPing, nil)
