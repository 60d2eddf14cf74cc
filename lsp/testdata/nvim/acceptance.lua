-- Neovim's own client on the server that BPFLS names: a failing file is opened, its
-- finding seen, mended and written. Leaves with exit code 1 where something is missing.

local function fail(what)
  io.stderr:write('not reached: ' .. what .. '\n' .. vim.inspect(vim.diagnostic.get(0)) .. '\n')
  vim.cmd('cquit 1')
end

local function wait_for(what, holds)
  if not vim.wait(60000, holds, 20) then
    fail(what)
  end
end

local function find(what, pattern)
  wait_for(what, function()
    local found = vim.diagnostic.get(0)
    return #found == 1 and found[1].message:match(pattern) ~= nil
  end)
  return vim.diagnostic.get(0)[1]
end

vim.cmd('edit emoji.bpf.c')
local client = vim.lsp.start_client({
  name = 'bpfls',
  cmd = { vim.env.BPFLS, 'lsp' },
  root_dir = vim.fn.getcwd(),
})
if client == nil or not vim.lsp.buf_attach_client(0, client) then
  fail('the server starts')
end

local finding = find('a finding', '^reads data%[23%], byte 23 of the packet')
local line = vim.fn.getline(finding.lnum + 1)
local text = line:sub(finding.col + 1, finding.end_col)
if text ~= 'data[23]' then
  fail('the finding is on data[23], not on ' .. text)
end

vim.fn.setline(finding.lnum + 1, (line:gsub('23', '33')))
vim.cmd('silent write')
find('the finding of the new text', '^reads data%[33%], byte 33 of the packet')

vim.fn.setline(finding.lnum + 1, (line:gsub('23', '13')))
vim.cmd('silent write')
wait_for('no finding', function() return #vim.diagnostic.get(0) == 0 end)

vim.lsp.stop_client(client)
print('ok')
vim.cmd('qall!')
