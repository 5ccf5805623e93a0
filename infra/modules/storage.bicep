// The storage account of the Functions host and of Baton's state. No shared key opens it.

@description('The name of the account.')
param name string

@description('Where the account is.')
param location string

@description('Tags of the account.')
param tags object

@description('How the account is replicated.')
param sku string

@description('The object id of the app\'s identity.')
param principalId string

@description('Whether the account answers outside of private endpoints.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

// The host needs blobs (its keys, leases, timers and the deployed package) as owner; Baton needs queue and table data.
var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
var queues = ['baton-work', 'baton-work-poison']
var containerName = 'deployments'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource container 'containers' = {
      name: containerName
      properties: { publicAccess: 'None' }
    }
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource queue 'queues' = [for queueName in queues: { name: queueName }]
  }

  resource tableService 'tableServices' = {
    name: 'default'

    resource table 'tables' = { name: 'baton' }
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    name: guid(account.id, principalId, role.value)
    scope: account
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]

@description('The name of the account.')
output name string = account.name

@description('The container that deployed packages go to.')
output deploymentContainer string = account::blobs::container.name
