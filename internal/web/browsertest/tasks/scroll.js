// Somebody scrolls through more connections than one page has.
module.exports = async ({ page, base, api }) => {
	const group = (await api('GET', '/v1/groups')).items[0].id;
	const ids = [];
	for (let i = 0; i < 120; i++) {
		const config = { schema_prefix: 'scroll_' + i, opened_at: '2026-01-01T00:00:00Z' };
		ids.push((await api('POST', '/v1/connections', { group_id: group, service: 'sample', config, paused: true, run_setup_tests: false })).id);
	}
	await page.goto(base + '/connections?q=scroll_');
	const rows = page.locator('#rows tbody tr');
	await page.getByText(/^120 of \d+ connections$/).waitFor();
	await rows.nth(99).scrollIntoViewIfNeeded();
	await page.keyboard.press('End');
	await page.waitForFunction(() => document.querySelectorAll('#rows tbody tr').length === 120);
	await page.locator('.chips').getByText('Incomplete').click();
	await page.waitForURL(/state=incomplete/);
	await page.reload();
	await page.getByText(/^120 of \d+ connections$/).waitFor();
	await Promise.all(ids.map((id) => api('DELETE', '/v1/connections/' + id)));
};
