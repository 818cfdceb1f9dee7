package realtime

import "time"

// CloseCode is the number a connection is closed with. docs/realtime.md is the
// table for clients: 4000 to 4499 reconnect, 4500 to 4999 do not.
type CloseCode uint16

// The close codes.
const (
	CloseNormal      CloseCode = 1000
	CloseTooLarge    CloseCode = 1009
	CloseDraining    CloseCode = 4001
	CloseUnavailable CloseCode = 4002
	CloseExpired     CloseCode = 4003
	CloseNoConnect   CloseCode = 4004
	CloseIdle        CloseCode = 4005
	CloseSlow        CloseCode = 4008
	CloseBadToken    CloseCode = 4500
	CloseProtocol    CloseCode = 4501
	CloseVersion     CloseCode = 4502
	CloseReplaced    CloseCode = 4503
)

var closeNames = map[CloseCode]string{
	CloseTooLarge: "frame_too_large", CloseDraining: "draining", CloseUnavailable: "unavailable",
	CloseExpired: "token_expired", CloseNoConnect: "connect_timeout", CloseIdle: "idle", CloseSlow: "slow_client",
	CloseBadToken: "bad_token", CloseProtocol: "protocol_error", CloseVersion: "version_unsupported",
	CloseReplaced: "replaced",
}

// Reconnect says whether a client that was closed with the code should come
// back.
func (c CloseCode) Reconnect() bool { return c >= 4000 && c < 4500 }

// String is the code's name in a close reason, "" for CloseNormal.
func (c CloseCode) String() string { return closeNames[c] }

type closeReason struct {
	Code        string `json:"code"`
	ReconnectIn *int64 `json:"reconnect_in_ms,omitempty"`
}

// frame is the close frame of the code; reconnectIn below zero is no hint.
func (c CloseCode) frame(reconnectIn time.Duration) []byte {
	if c == CloseNormal {
		return closeFrame(c, nil)
	}
	reason := closeReason{Code: c.String()}
	if reconnectIn >= 0 {
		ms := reconnectIn.Milliseconds()
		reason.ReconnectIn = &ms
	}
	return closeFrame(c, encode(reason))
}
