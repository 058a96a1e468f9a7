package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/penstock-data/penstock/connector/all"
	destinations "github.com/penstock-data/penstock/destination/all"
)

type connectorsCmd struct{}

func (connectorsCmd) Run() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tNAME\tKIND")
	for _, s := range all.Services {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.ID, s.Name, s.Kind)
	}
	fmt.Fprintln(w, "\nDESTINATION\tNAME\t")
	for _, s := range destinations.Services {
		fmt.Fprintf(w, "%s\t%s\t\n", s.ID, s.Name)
	}
	return w.Flush()
}
