// Package client follows Muster's live feeds: it connects, subscribes, resumes
// with its positions after a break, waits with jitter, and counts what it saw.
// It is written from docs/realtime.md alone and shares no code with the server,
// so it also is a second opinion on the protocol.
//
//	c := client.New(client.Options{URL: "ws://127.0.0.1:8080/v1/campaigns/liguria-2024/live", Token: token})
//	c.Subscribe(client.Subscription{Feed: "tasks:it.liguria", OnPush: show})
//	err := c.Run(ctx)
package client
