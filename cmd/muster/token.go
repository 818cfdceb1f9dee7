package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/app"
)

type tokenCmd struct {
	Data     string        `help:"Folder with the campaign's data; a server may be running on it." default:"./muster-data" env:"MUSTER_DATA"`
	Campaign string        `help:"Id of the campaign." required:"" placeholder:"ID"`
	Role     string        `help:"What the token may do: display (a wall screen: aggregates only), lead, media, staff or admin." enum:"display,lead,media,staff,admin" default:"display"`
	Region   string        `help:"Root of the regions that a lead token leads, or whose tasks a display token sees; empty: all." placeholder:"ID"`
	Expires  time.Duration `help:"How long it holds, at most 9600h (400 days)." required:"" placeholder:"DURATION"`
}

// Run prints one token. It reads the folder's keys and nothing else.
func (c *tokenCmd) Run(env *environment) error {
	grant := campaign.Grant{Role: campaign.Role(c.Role), Region: c.Region}
	token, err := app.ServiceToken(c.Data, c.Campaign, grant, c.Expires)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("there are no keys in %s; name the data folder with --data", c.Data)
	}
	if err != nil {
		return plain(err)
	}
	fmt.Fprintln(env.out, token)
	return nil
}
