// Somebody finds a connection, pauses and resumes it, syncs it, and looks at what
// is known of it.
const assert = require('assert');

module.exports = async ({ page, base, look }) => {
	await page.goto(base + '/connections');
	await look(page, 'connections');
	await page.fill('[name=q]', 'db');
	await page.waitForFunction(() => document.querySelectorAll('#rows tbody tr').length === 1);
	await page.getByRole('link', { name: 'db', exact: true }).click();
	await page.getByRole('button', { name: 'Pause' }).click();
	await page.getByText('The connection is paused').waitFor();
	assert(!(await page.getByRole('button', { name: 'Sync now' }).isVisible()));
	await look(page, 'connection-paused');
	await page.getByRole('button', { name: 'Resume' }).click();
	await page.getByRole('button', { name: 'Sync now' }).click();
	await page.waitForURL(/connections\/[^/?]+$/);
	await page.getByText('All is well').waitFor(); // by itself
	await look(page, 'connection');
	await page.getByRole('link', { name: 'Tables', exact: true }).click();
	await page.getByRole('link', { name: 'order', exact: true }).click();
	await page.getByRole('table').getByText('Column of order').waitFor();
	await look(page, 'tables');
	await page.getByRole('link', { name: 'Changes', exact: true }).click();
	await page.getByText('The connection was created.').waitFor();
	await look(page, 'changes');
	await page.getByRole('link', { name: 'Syncs', exact: true }).click();
	await page.locator('main table').last().getByRole('link').last().click();
	await page.getByRole('heading', { name: 'Log' }).waitFor();
	await page.locator('#log tbody tr').first().waitFor();
	await look(page, 'sync');
};
