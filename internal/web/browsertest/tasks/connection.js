// Somebody finds a connection, syncs it, watches the sync, and reads its log.
module.exports = async ({ page, base, look }) => {
	await page.goto(base + '/connections');
	await look(page, 'connections');
	await page.fill('[name=q]', 'people');
	await page.waitForFunction(() => document.querySelectorAll('#rows tbody tr').length === 1);
	await page.getByRole('link', { name: 'people', exact: true }).click();
	await page.getByRole('button', { name: 'Sync now' }).click();
	await page.waitForURL(/connections\/[^/?]+$/);
	await look(page, 'connection');
	await page.getByRole('link', { name: 'Tables', exact: true }).click();
	await page.getByRole('link', { name: 'users', exact: true }).click();
	await page.getByRole('table').getByText('Column of users').waitFor();
	await look(page, 'tables');
	await page.getByRole('link', { name: 'Checks', exact: true }).click();
	await look(page, 'checks');
	await page.getByRole('link', { name: 'Changes', exact: true }).click();
	await page.getByText('The connection was created.').waitFor();
	await look(page, 'changes');
	await page.getByRole('link', { name: 'Syncs', exact: true }).click();
	await page.locator('main table').last().getByRole('link').last().click();
	await page.getByRole('heading', { name: 'Log' }).waitFor();
	await page.locator('#log tbody tr').first().waitFor();
	await look(page, 'sync');
};
