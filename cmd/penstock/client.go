package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// A client asks a server's API.
type client struct {
	URL    string `default:"http://127.0.0.1:8080" help:"The server's address." placeholder:"URL"`
	Key    string `help:"API key." required:"" placeholder:"KEY"`
	Secret string `help:"Its secret; better given as PENSTOCK_SECRET." required:"" placeholder:"SECRET"`
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, &payload)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.Key, c.Secret)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// call sends a request to the API and reads the data of its answer into out,
// nil: they do not matter.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Code, Message string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.Code != "Success" {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Code, answer.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

// list returns the items of a list, as many as most or all of them if it is 0,
// as the API sent them.
func (c *client) list(ctx context.Context, path string, query url.Values, most int) ([]json.RawMessage, error) {
	all := []json.RawMessage{}
	if query == nil {
		query = url.Values{}
	}
	for {
		if query.Set("limit", "1000"); most > 0 {
			query.Set("limit", fmt.Sprint(min(1000, most-len(all))))
		}
		var page struct {
			Items  []json.RawMessage
			Cursor *string `json:"next_cursor"`
		}
		if err := c.call(ctx, "GET", path+"?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Cursor == nil || most > 0 && len(all) >= most {
			return all, nil
		}
		query.Set("cursor", *page.Cursor)
	}
}

// decoded returns items of a list as values.
func decoded[T any](items []json.RawMessage) ([]T, error) {
	out := make([]T, len(items))
	for i := range items {
		if err := json.Unmarshal(items[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// connection returns the path of a connection, which somebody names by its id
// or by its name.
func (c *client) connection(ctx context.Context, name string) (string, error) {
	items, err := c.list(ctx, "/v1/penstock/connections", url.Values{"search": {name}}, 0)
	if err != nil {
		return "", err
	}
	found, err := decoded[connectionRow](items)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, o := range found {
		if o.ID == name {
			return "/v1/penstock/connections/" + url.PathEscape(name), nil
		}
		if o.Schema == name {
			ids = append(ids, o.ID)
		}
	}
	switch len(ids) {
	case 0:
		return "", errors.New("there is no connection " + name + ": penstock connections lists them")
	case 1:
		return "/v1/penstock/connections/" + url.PathEscape(ids[0]), nil
	}
	return "", fmt.Errorf("several connections are called %s: give the id of one: %s", name, strings.Join(ids, ", "))
}

// printJSON prints what the API sent, for scripts.
func printJSON(items []json.RawMessage) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(items)
}
