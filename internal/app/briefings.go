package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/push"
)

// newsPurpose is the consent that a briefing needs.
const newsPurpose = "news"

// FCM is Firebase Cloud Messaging, for briefings by push.
type FCM struct {
	Project     string // Firebase project id
	Credentials string // file with the service account's JSON; empty: briefings go to the inbox page
}

// ErrBadFCM is the answer to a service account that cannot be read or used. It
// quotes nothing of the file.
var ErrBadFCM = errors.New("the Firebase service account cannot be used: name its JSON file in --fcm-credentials and its project in --fcm-project")

// audience says who is in a tier.
type audience struct {
	people  *people.Service
	channel string
}

// Members implements briefing.Audience.
func (a audience) Members(ctx context.Context, campaignID string, tier briefing.TierName) iter.Seq2[string, error] {
	if tier == briefing.Media {
		return a.people.Holders(ctx, campaignID, campaign.Media)
	}
	return a.people.Agreed(ctx, campaignID, newsPurpose, a.channel)
}

// newBriefings makes the room; who is in a tier depends on the channel that the
// process sends by.
func (a *App) newBriefings(f FCM) *briefing.Service {
	return briefing.New(a.store, audience{a.People, f.channel()}, a.clock, briefing.Options{})
}

func (f FCM) channel() string {
	if f.Credentials == "" {
		return people.Email // the inbox stands for a mailbox
	}
	return people.Push
}

// newWorker makes the worker that delivers what the tiers release.
func (a *App) newWorker(ctx context.Context, f FCM, briefings *briefing.Service) (*push.Worker, error) {
	var sender push.Sender = push.NewInboxSender(a.Inbox)
	if f.Credentials != "" {
		credentials, err := os.ReadFile(f.Credentials)
		if err != nil || f.Project == "" {
			return nil, ErrBadFCM
		}
		if sender, err = push.NewFCM(ctx, push.FCMOptions{Project: f.Project, Credentials: credentials}, a.People); err != nil {
			return nil, ErrBadFCM
		}
	}
	project := f.Project
	if project == "" {
		project = "inbox"
	}
	rate := push.NewRate(a.redis, project, 0, nil, a.log)
	return push.New(push.Parts{Briefings: briefings, Gate: a.People.Gate(), Sender: sender, Rate: rate, Log: a.log},
		push.Options{Purpose: newsPurpose, Channel: f.channel()}), nil
}

// Check says whether the service account's file is there: ErrBadFCM.
func (f FCM) Check() error {
	if f.Credentials == "" && f.Project == "" {
		return nil
	}
	if f.Credentials == "" || f.Project == "" {
		return ErrBadFCM
	}
	if _, err := os.Stat(f.Credentials); err != nil {
		return fmt.Errorf("%w (%s)", ErrBadFCM, "the file cannot be read")
	}
	return nil
}
