// Package all lists the services that connections can be made to.
package all

import (
	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/fifteenfive"
	"github.com/penstock-data/penstock/connector/github"
	"github.com/penstock-data/penstock/connector/postgres"
	"github.com/penstock-data/penstock/connector/salesforce"
)

// Services are all of them.
var Services = append([]connector.Service{
	fifteenfive.Service,
	github.Service,
	salesforce.Service,
	salesforce.Sandbox,
}, postgres.Services...)
