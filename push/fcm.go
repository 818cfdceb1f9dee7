package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"
	apitransport "google.golang.org/api/transport/http"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/people"
)

// Devices knows what a person can be pushed on; people.Service is one.
type Devices interface {
	Devices(ctx context.Context, campaignID string, people []string) (map[string][]people.Device, error)
	Prune(ctx context.Context, campaignID, value string) error
}

// FCMOptions is how to reach Firebase Cloud Messaging.
type FCMOptions struct {
	Project string // Firebase project id; required
	// Credentials is the service account's JSON. It is required unless Endpoint
	// is set.
	Credentials []byte
	// Endpoint replaces Google's, without credentials: for tests. Zero value
	// means Google's.
	Endpoint string
}

// FCM sends to phones through Firebase Cloud Messaging, HTTP v1. By token or
// installation id only: anybody can subscribe to a topic.
type FCM struct {
	client  *messaging.Client
	devices Devices
}

// NewFCM makes the sender; it asks nobody anything yet.
func NewFCM(ctx context.Context, options FCMOptions, devices Devices) (*FCM, error) {
	transport, err := fcmTransport(ctx, options)
	if err != nil {
		return nil, err
	}
	settings := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: once{transport}})}
	if options.Endpoint != "" {
		settings = append(settings, option.WithEndpoint(options.Endpoint))
	}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: options.Project}, settings...)
	if err != nil {
		return nil, fmt.Errorf("push: firebase: %w", err)
	}
	client, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("push: firebase: %w", err)
	}
	return &FCM{client: client, devices: devices}, nil
}

func fcmTransport(ctx context.Context, options FCMOptions) (http.RoundTripper, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConns, base.MaxIdleConnsPerHost = 512, 512 // as many as wait for answers at once
	if options.Endpoint != "" {
		return base, nil
	}
	authorised, err := apitransport.NewTransport(ctx, base,
		option.WithAuthCredentialsJSON(option.ServiceAccount, options.Credentials),
		option.WithScopes("https://www.googleapis.com/auth/firebase.messaging"))
	if err != nil {
		return nil, errors.New("push: the Firebase service account cannot be read") // its cause may quote the key
	}
	return authorised, nil
}

// Prepare implements Sender.
func (f *FCM) Prepare(ctx context.Context, campaignID string, to []people.Cleared) (Batch, error) {
	if len(to) == 0 {
		return &fcmBatch{}, nil
	}
	ids := make([]string, len(to))
	for i, c := range to {
		ids[i] = c.Person()
	}
	devices, err := f.devices.Devices(ctx, campaignID, ids)
	if err != nil {
		return nil, err
	}
	for person, list := range devices {
		devices[person] = slices.DeleteFunc(list, func(d people.Device) bool {
			return len(d.Categories) > 0 && !slices.Contains(d.Categories, to[0].Purpose())
		})
	}
	return &fcmBatch{fcm: f, campaign: campaignID, devices: devices}, nil
}

type fcmBatch struct {
	fcm      *FCM
	campaign string
	devices  map[string][]people.Device
}

// Messages implements Batch.
func (b *fcmBatch) Messages(person string) int { return len(b.devices[person]) }

// Send implements Batch: one message to each of the person's devices. One that
// took it is enough; the person is gone when no device is left.
func (b *fcmBatch) Send(ctx context.Context, n Notice) Answer {
	if !n.To.Valid() || n.To.Campaign() != b.campaign || n.To.Channel() != people.Push {
		return notCleared()
	}
	var whole Answer
	accepted, again := false, false
	for _, d := range b.devices[n.To.Person()] {
		_, err := b.fcm.client.Send(ctx, message(n, d))
		a, prune := classify(err)
		if prune {
			a.Err = errors.Join(a.Err, b.fcm.devices.Prune(ctx, b.campaign, d.Value))
		}
		accepted = accepted || a.Outcome == briefing.Accepted
		again = again || a.Outcome == ""
		whole.Wait, whole.Pause = max(whole.Wait, a.Wait), max(whole.Pause, a.Pause)
		whole.Halt, whole.Err = whole.Halt || a.Halt, errors.Join(whole.Err, a.Err)
		if a.Outcome == briefing.Failed || whole.Outcome == "" {
			whole.Outcome = a.Outcome
		}
		if a.Halt || a.Pause > 0 {
			break
		}
	}
	switch {
	case accepted:
		whole.Outcome = briefing.Accepted
	case again:
		whole.Outcome = ""
	}
	return whole
}

func notCleared() Answer {
	return Answer{Outcome: briefing.Failed, Halt: true, Err: errors.New("push: the gate did not clear this recipient")}
}

// message is what the phone gets: an id to fetch and a title that says nothing.
// The briefing's id as collapse key, tag and collapse id makes a repeat replace
// the first on every platform.
func message(n Notice, d people.Device) *messaging.Message {
	return &messaging.Message{
		// The SDK has no field of its own for installation ids yet; FCM takes
		// them here as well.
		Token:        d.Value,
		Data:         map[string]string{"briefing": n.Briefing},
		Notification: &messaging.Notification{Title: n.Title},
		FCMOptions:   &messaging.FCMOptions{AnalyticsLabel: "briefing_" + string(n.Tier)},
		Android: &messaging.AndroidConfig{
			CollapseKey: n.Briefing, Priority: "high", TTL: &n.TTL,
			Notification: &messaging.AndroidNotification{Tag: n.Briefing},
		},
		APNS: &messaging.APNSConfig{
			Headers: map[string]string{
				"apns-collapse-id": n.Briefing, "apns-priority": "10", "apns-push-type": "alert",
				"apns-expiration": strconv.FormatInt(n.Expires.Unix(), 10),
			},
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{Sound: "default"}},
		},
		Webpush: &messaging.WebpushConfig{
			Headers:      map[string]string{"TTL": strconv.Itoa(int(n.TTL.Seconds())), "Urgency": "high"},
			Notification: &messaging.WebpushNotification{Title: n.Title, Tag: n.Briefing},
		},
	}
}

// Google's names of error details.
const (
	fcmDetail   = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
	fieldDetail = "type.googleapis.com/google.rpc.BadRequest"
)

// longestWait bounds what a Retry-After may ask for; quotaWait is for a 429
// that asks for nothing.
const (
	longestWait = time.Hour
	quotaWait   = time.Minute
)

// classify turns FCM's answer into ours, and says whether the registration has
// ended. err is what the SDK gave, not wrapped.
func classify(err error) (a Answer, prune bool) {
	if err == nil {
		return Answer{Outcome: briefing.Accepted}, false
	}
	response := errorutils.HTTPResponse(err) //nolint:bodyclose // the SDK has read and closed it
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		response == nil && (errorutils.IsUnknown(err) || errorutils.IsUnavailable(err) || errorutils.IsDeadlineExceeded(err)) {
		return Answer{Err: errors.New("push: FCM's answer broke off")}, false
	}
	if response == nil {
		// The SDK refused the message itself; its words may quote it.
		return Answer{Outcome: briefing.Failed, Halt: true, Err: errors.New("push: the SDK refuses the message")}, false
	}
	code, badField := details(response)
	wait := retryAfter(response)
	a.Err = fmt.Errorf("push: FCM answered %d %s", response.StatusCode, code)
	switch {
	case code == "UNREGISTERED", code == "SENDER_ID_MISMATCH", code == "INVALID_ARGUMENT" && !badField:
		a.Outcome, a.Err = briefing.Gone, nil
		return a, true
	case response.StatusCode == http.StatusBadRequest:
		a.Outcome, a.Halt = briefing.Failed, true
	case response.StatusCode == http.StatusTooManyRequests:
		if a.Pause = wait; wait == 0 {
			a.Pause = quotaWait
		}
	case code == "THIRD_PARTY_AUTH_ERROR":
		a.Wait = haltWait // Apple's key is broken: phones of other makes go on
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden,
		response.StatusCode == http.StatusNotFound:
		a.Halt = true // our credentials or project: nothing will get through
	default:
		a.Wait = wait
	}
	return a, false
}

// details reads FCM's own error code, and whether a field of ours is wrong.
func details(response *http.Response) (code string, badField bool) {
	var body struct {
		Error struct {
			Details []struct {
				Type string `json:"@type"`
				Code string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	raw, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(raw, &body) != nil {
		return "", false
	}
	for _, d := range body.Error.Details {
		switch d.Type {
		case fcmDetail:
			code = d.Code
		case fieldDetail:
			badField = true
		}
	}
	return code, badField
}

// savedRetryAfter keeps the real header while Retry-After tells the SDK to leave
// repeating to us.
const savedRetryAfter = "X-Muster-Retry-After"

func retryAfter(response *http.Response) time.Duration {
	value := response.Header.Get(savedRetryAfter)
	if value == "" && response.StatusCode != http.StatusServiceUnavailable {
		value = response.Header.Get("Retry-After")
	}
	var wait time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		if sent, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			wait = at.Sub(sent)
		}
	}
	return min(max(wait, 0), longestWait)
}
